// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package compress

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"math"

	"github.com/ulikunitz/xz/lzma"
)

// The container is read here and not by the library, which allocates a dictionary of whatever size a block's
// header says. References are to "The .xz File Format", version 1.2.1.
const (
	xzMagic       = "\xfd7zXZ\x00"
	xzHeaderBytes = 12
	xzLZMA2       = 0x21
	// xzMaxDictionary is the largest dictionary that is made; systemd's have 1 MiB.
	xzMaxDictionary = 8 << 20
	// xzFewChunks plus one for each xzChunkBytes is how many chunks a block may have.
	xzFewChunks  = 64
	xzChunkBytes = 64
	// xzAhead is how much further than asked the library decodes: its longest match.
	xzAhead = 512
)

// xzStream reads the blocks of one stream.
type xzStream struct {
	src []byte
	// check makes the check of a block, nil for none; checkBytes is its size.
	check      func() hash.Hash
	checkBytes int
}

// newXZ reads the stream header (2.1.1).
func newXZ(src []byte) (*xzStream, error) {
	if len(src) < xzHeaderBytes || string(src[:6]) != xzMagic {
		return nil, corrupt(XZ, "no stream header")
	}
	if crc32.ChecksumIEEE(src[6:8]) != binary.LittleEndian.Uint32(src[8:]) || src[6] != 0 || src[7] > 15 {
		return nil, corrupt(XZ, "damaged stream header")
	}
	s := &xzStream{src: src[xzHeaderBytes:]}
	// Section 2.1.1.2; those not named here are skipped.
	s.checkBytes = [...]int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}[src[7]]
	switch src[7] {
	case 1:
		s.check = func() hash.Hash { return reversed{crc32.NewIEEE()} }
	case 4:
		s.check = func() hash.Hash { return reversed{crc64.New(crc64.MakeTable(crc64.ECMA))} }
	case 10:
		s.check = sha256.New
	}
	return s, nil
}

// reversed is a hash whose sum is little endian.
type reversed struct{ hash.Hash }

// Sum implements hash.Hash.
func (r reversed) Sum(b []byte) []byte {
	n := len(b)
	b = r.Hash.Sum(b)
	for i, j := n, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return b
}

// xzBlock is what the header of a block says (3.1).
type xzBlock struct {
	// size is that of the content; math.MaxUint64 if it is not declared.
	size uint64
	// dictionary is its size in bytes.
	dictionary int64
}

// block reads the header of the next block; io.EOF means that there are no more.
func (s *xzStream) block() (xzBlock, error) {
	b := xzBlock{size: math.MaxUint64}
	if len(s.src) == 0 {
		return b, corrupt(XZ, "cut off")
	}
	if s.src[0] == 0 {
		return b, io.EOF
	}
	n := (int(s.src[0]) + 1) * 4
	if n > len(s.src) {
		return b, corrupt(XZ, "cut off")
	}
	header := s.src[1 : n-4]
	if crc32.ChecksumIEEE(s.src[:n-4]) != binary.LittleEndian.Uint32(s.src[n-4:]) {
		return b, corrupt(XZ, "damaged block header")
	}
	s.src = s.src[n:]
	const hasCompressed, hasSize, oneFilter = 0x40, 0x80, 0
	flags := header[0]
	if flags&^(hasCompressed|hasSize) != oneFilter {
		return b, corrupt(XZ, "block flags %#x", flags)
	}
	header = header[1:]
	number := func() uint64 {
		v, n := binary.Uvarint(header)
		header = header[max(n, 0):]
		return v
	}
	if flags&hasCompressed != 0 {
		number()
	}
	if flags&hasSize != 0 {
		b.size = number()
	}
	filter, properties := number(), number()
	if filter != xzLZMA2 || properties != 1 || len(header) == 0 {
		return b, corrupt(XZ, "filter %#x", filter)
	}
	dictionary, err := lzma.DecodeDictCap(header[0])
	if err != nil {
		return b, corrupt(XZ, "%v", err)
	}
	b.dictionary = dictionary
	return b, nil
}

// chunks adds up what the headers of a block's chunks say (LZMA2 has no document; liblzma's lzma2_decoder.c is
// the reference): used is the length of all, size what they decode to. A decoder gives just that, or fails.
//
// A chunk that resets the probabilities costs the library tens of KiB, and megabytes with properties that LZMA2 does not allow,
// which the library does not check: so these are refused, as is a stream of many tiny chunks, which no encoder makes.
func (s *xzStream) chunks() (used int, size uint64, err error) {
	for n := 0; ; n++ {
		if n > xzFewChunks+used/xzChunkBytes {
			return 0, 0, corrupt(XZ, "%d chunks in %d bytes", n, used)
		}
		if used >= len(s.src) {
			return 0, 0, corrupt(XZ, "cut off")
		}
		control := s.src[used]
		if control == 0 {
			return used + 1, size, nil
		}
		const plainHeader, header, newProperties = 3, 5, 0xc0
		if used+header > len(s.src) {
			return 0, 0, corrupt(XZ, "cut off")
		}
		at := used
		content := uint64(binary.BigEndian.Uint16(s.src[used+1:])) + 1
		if control < 0x80 {
			used += plainHeader + int(content)
		} else {
			content += uint64(control&0x1f) << 16
			used += header + int(binary.BigEndian.Uint16(s.src[used+3:])) + 1
			if control >= newProperties {
				if used >= len(s.src) || !xzProperties(s.src[at+header]) {
					return 0, 0, corrupt(XZ, "properties")
				}
				used++
			}
		}
		size += content
	}
}

// xzProperties reports whether a chunk may have these properties: (pb*5+lp)*9+lc with at most 4 literal bits.
func xzProperties(b byte) bool {
	lc, lp, pb := b%9, b/9%5, b/45
	return lc+lp <= 4 && pb <= 4
}

// read appends the first n bytes of a block's content, which has size bytes in used bytes of the stream.
func (s *xzStream) read(dst []byte, b xzBlock, used, n int, size uint64) ([]byte, error) {
	// Nothing farther back than what is read can be referred to. The library also keeps there what it has decoded
	// but not handed out.
	capacity := min(b.dictionary, int64(n), xzMaxDictionary)
	r, err := lzma.Reader2Config{DictCap: int(max(capacity, lzma.MinDictCap)) + xzAhead}.NewReader2(bytes.NewReader(s.src[:used]))
	if err != nil {
		return nil, corrupt(XZ, "%v", err)
	}
	begin := len(dst)
	dst = grow(dst, n)[:begin+n]
	if _, err := io.ReadFull(r, dst[begin:]); err != nil {
		return nil, corrupt(XZ, "%v", err)
	}
	if uint64(n) == size {
		if more, err := r.Read(make([]byte, 1)); more != 0 || !errors.Is(err, io.EOF) {
			return nil, corrupt(XZ, "more than %d bytes: %v", size, err)
		}
	}
	return dst, nil
}

// finish checks what follows a block's content, of which used bytes were read.
func (s *xzStream) finish(used int, content []byte) error {
	s.src = s.src[used:]
	padding := -used & 3
	if padding+s.checkBytes > len(s.src) {
		return corrupt(XZ, "cut off")
	}
	want := s.src[padding : padding+s.checkBytes]
	s.src = s.src[padding+s.checkBytes:]
	if s.check == nil {
		return nil
	}
	h := s.check()
	h.Write(content)
	if !bytes.Equal(h.Sum(nil), want) {
		return corrupt(XZ, "check sum")
	}
	return nil
}

func appendXZ(dst, src []byte, limit int) ([]byte, error) {
	return decodeXZ(dst, src, limit, false)
}

func prefixXZ(dst, src []byte, n int) ([]byte, error) {
	return decodeXZ(dst, src, n, true)
}

// decodeXZ decodes the blocks of a stream. When they hold more than limit bytes these are enough, or it is an error.
func decodeXZ(dst, src []byte, limit int, enough bool) ([]byte, error) {
	s, err := newXZ(src)
	if err != nil {
		return nil, err
	}
	for begin := len(dst); ; {
		room := limit - (len(dst) - begin)
		if room == 0 && enough {
			return dst, nil
		}
		b, err := s.block()
		if errors.Is(err, io.EOF) {
			return dst, nil
		}
		if err != nil {
			return nil, err
		}
		if b.size != math.MaxUint64 && b.size > uint64(room) && !enough {
			return nil, tooLarge(b.size, limit)
		}
		used, size, err := s.chunks()
		switch {
		case err != nil:
			return nil, err
		case size != b.size && b.size != math.MaxUint64:
			return nil, corrupt(XZ, "%d bytes instead of %d", size, b.size)
		case size > uint64(room) && !enough:
			return nil, tooLarge(size, limit)
		}
		blockBegin := len(dst)
		if dst, err = s.read(dst, b, used, int(min(size, uint64(room))), size); err != nil {
			return nil, err
		}
		if size > uint64(room) {
			return dst, nil
		}
		if err := s.finish(used, dst[blockBegin:]); err != nil {
			return nil, err
		}
	}
}
