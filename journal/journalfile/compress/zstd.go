// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package compress

import (
	"bytes"
	"errors"
	"io"
	"math/bits"

	"github.com/klauspost/compress/zstd"
)

const (
	// zstdBlock is the most that a block decodes to (RFC 8878, 3.1.1.2.4).
	zstdBlock = 128 << 10
	// zstdSlack is what the library likes to write beyond the end.
	zstdSlack = 32
	// zstdFirst is what is tried first for a frame that does not tell its size.
	zstdFirst = 64 << 10
)

// zstdDecoder makes the library's decoder. One that decodes to memory needs no window; that for
// streams gets frames with a window chosen by prefixZSTD.
func (d *Decoder) zstdDecoder() (*zstd.Decoder, error) {
	if d.zstd == nil {
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecodeAllCapLimit(true))
		if err != nil {
			return nil, err
		}
		d.zstd = z
	}
	return d.zstd, nil
}

// zstdFrame reads the header of the frame that src begins with, and cuts off what is behind the frame. If that does not tell
// its size, it is at least FrameContentSize, which are the blocks that are not compressed.
func zstdFrame(src []byte) (zstd.Header, []byte, error) {
	var h zstd.Header
	if err := h.Decode(src); err != nil {
		return h, nil, corrupt(ZSTD, "%v", err)
	}
	if h.Skippable || h.DictionaryID != 0 || h.HeaderSize > len(src) {
		return h, nil, corrupt(ZSTD, "no frame of its own")
	}
	end := h.HeaderSize
	for last := false; !last; {
		if end+3 > len(src) {
			return h, nil, corrupt(ZSTD, "cut off")
		}
		head := uint32(src[end]) | uint32(src[end+1])<<8 | uint32(src[end+2])<<16
		const rle = 1 // and 0, which is raw
		size, kind := int(head>>3), head>>1&3
		if !h.HasFCS && kind <= rle {
			h.FrameContentSize += uint64(size)
		}
		if kind == rle {
			size = 1
		}
		if end += 3; size > len(src)-end {
			return h, nil, corrupt(ZSTD, "cut off")
		}
		end += size
		last = head&1 != 0
	}
	if h.HasCheckSum {
		end = min(end+4, len(src))
	}
	return h, src[:end], nil
}

func (d *Decoder) appendZSTD(dst, src []byte, limit int) ([]byte, error) {
	h, frame, err := zstdFrame(src)
	if err != nil {
		return nil, err
	}
	z, err := d.zstdDecoder()
	if err != nil {
		return nil, err
	}
	if h.FrameContentSize > uint64(limit) {
		return nil, tooLarge(h.FrameContentSize, limit)
	}
	held := 0
	defer func() {
		if held > maxHeld {
			// The library's decoder holds on to what it decoded last.
			d.Close()
		}
	}()
	if h.HasFCS {
		held = int(h.FrameContentSize)
		out, err := decodeZSTD(z, dst, frame, held+zstdSlack)
		if errors.Is(err, ErrTooLarge) {
			return nil, corrupt(ZSTD, "more than %d bytes", h.FrameContentSize)
		}
		return out, err
	}
	for room := min(zstdFirst, limit); ; room = min(4*room, limit) {
		held = room
		out, err := decodeZSTD(z, dst, frame, room+zstdSlack)
		switch {
		case err == nil && len(out)-len(dst) <= limit:
			return out, nil
		case err != nil && !errors.Is(err, ErrTooLarge):
			return nil, err
		case room == limit:
			return nil, tooLarge(uint64(limit)+1, limit)
		}
	}
}

func decodeZSTD(z *zstd.Decoder, dst, frame []byte, room int) ([]byte, error) {
	begin := len(dst)
	dst = grow(dst, room)
	out, err := z.DecodeAll(frame, dst[:begin:begin+room])
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return nil, tooLarge(uint64(room), room)
	case err != nil:
		return nil, corrupt(ZSTD, "%v", err)
	}
	return out, nil
}

// prefixZSTD decodes a stream that ends early. Its window need not be larger than what is read of it, whatever the
// frame says; so the frame gets another header, without size and check sum.
func (d *Decoder) prefixZSTD(dst, src []byte, n int) ([]byte, error) {
	h, frame, err := zstdFrame(src)
	if err != nil {
		return nil, err
	}
	if h.HasFCS && h.FrameContentSize <= zstdBlock {
		out, err := d.appendZSTD(dst, src, zstdBlock)
		if err != nil {
			return nil, err
		}
		return out[:min(len(out), len(dst)+n)], nil
	}
	if h.HasFCS && h.FrameContentSize < uint64(n) {
		n = int(h.FrameContentSize)
	}
	if n == 0 {
		return dst, nil
	}
	z, err := d.zstdDecoder()
	if err != nil {
		return nil, err
	}
	const magic, firstLog = "\x28\xb5\x2f\xfd", 10
	log := bits.Len(uint(n) + 2*zstdBlock - 1)
	d.frame = append(append(d.frame[:0], magic...), 0, byte(log-firstLog)<<3)
	body := frame[h.HeaderSize:]
	if h.HasCheckSum {
		body = body[:len(body)-min(4, len(body))]
	}
	if err := z.Reset(io.MultiReader(bytes.NewReader(d.frame), bytes.NewReader(body))); err != nil {
		return nil, corrupt(ZSTD, "%v", err)
	}
	begin := len(dst)
	dst = grow(dst, n)[:begin+n]
	m, err := io.ReadFull(z, dst[begin:])
	if resetErr := z.Reset(nil); err == nil {
		err = resetErr
	}
	if err != nil && (!errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) || h.HasFCS) {
		return nil, corrupt(ZSTD, "%v", err)
	}
	return dst[:begin+m], nil
}
