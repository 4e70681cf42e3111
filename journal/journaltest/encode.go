// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"

	"github.com/noded/noded/journal/journalfile/compress"
)

// encoder compresses payloads as journald frames them: one xz stream without check, a size and one LZ4
// block, one zstd frame that tells its size and has no check sum.
type encoder struct {
	kind compress.Kind
	zstd *zstd.Encoder
	lz4  lz4.Compressor
	buf  []byte
}

func newEncoder(k compress.Kind) (*encoder, error) {
	e := &encoder{kind: k}
	if k != compress.ZSTD {
		return e, nil
	}
	var err error
	e.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true),
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<20))
	return e, err
}

// encode returns the compressed payload, valid until the next call, or nil if it is not smaller.
func (e *encoder) encode(payload []byte) ([]byte, error) {
	var out []byte
	switch e.kind {
	case compress.ZSTD:
		out = e.zstd.EncodeAll(payload, e.buf[:0])
		e.buf = out
	case compress.LZ4:
		out = append(binary.LittleEndian.AppendUint64(e.buf[:0], uint64(len(payload))), make([]byte, lz4.CompressBlockBound(len(payload)))...)
		n, err := e.lz4.CompressBlock(payload, out[8:])
		if err != nil {
			return nil, fmt.Errorf("compress: %w", err)
		}
		e.buf = out
		out = out[:8+n]
	case compress.XZ:
		var b bytes.Buffer
		w, err := xz.WriterConfig{DictCap: max(len(payload), 4096), BufSize: 4096, NoCheckSum: true}.NewWriter(&b)
		if err != nil {
			return nil, fmt.Errorf("compress: %w", err)
		}
		if _, err := w.Write(payload); err != nil {
			return nil, fmt.Errorf("compress: %w", err)
		}
		if err := w.Close(); err != nil {
			return nil, fmt.Errorf("compress: %w", err)
		}
		out = b.Bytes()
	default:
		return nil, nil
	}
	if len(out) >= len(payload) {
		return nil, nil
	}
	return out, nil
}
