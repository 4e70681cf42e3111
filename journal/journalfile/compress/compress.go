// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package compress

import (
	"errors"
	"fmt"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// Kind says how a payload is compressed.
type Kind uint8

// The kinds.
const (
	None Kind = iota
	XZ
	LZ4
	ZSTD
)

// String returns the name as systemd writes it.
func (k Kind) String() string {
	switch k {
	case None:
		return "NONE"
	case XZ:
		return "XZ"
	case LZ4:
		return "LZ4"
	case ZSTD:
		return "ZSTD"
	default:
		return fmt.Sprintf("compression %d", uint8(k))
	}
}

// Errors to test for with errors.Is.
var (
	// ErrTooLarge: the payload may be good, but has more bytes than the caller accepts.
	ErrTooLarge = errors.New("larger than the limit")
	// ErrCorrupt: the payload is not what its kind says, or contradicts itself.
	ErrCorrupt = errors.New("corrupt compressed data")
)

// Decoder decodes payloads of all kinds. The zero value is ready for use. It keeps buffers of the
// libraries between calls, and is not safe for concurrent use.
type Decoder struct {
	// zstd is made when it is first needed.
	zstd *zstd.Decoder
	// frame is the header of a frame that Prefix rewrites.
	frame []byte
}

// Close releases the buffers. The decoder may be used again.
func (d *Decoder) Close() {
	if d.zstd != nil {
		d.zstd.Close()
		d.zstd = nil
	}
}

// maxHeld is the size up to which a Decoder may keep what it decoded in memory until the next value.
const maxHeld = 256 << 10

// Append appends the decoded payload to dst. It fails with ErrTooLarge when that has more than limit bytes, and with
// ErrCorrupt; it then returns dst as it was. The result does not refer to src.
func (d *Decoder) Append(dst []byte, k Kind, src []byte, limit int) ([]byte, error) {
	limit = max(limit, 0)
	var out []byte
	var err error
	switch k {
	case None:
		if len(src) > limit {
			return dst, tooLarge(uint64(len(src)), limit)
		}
		return append(dst, src...), nil
	case XZ:
		out, err = appendXZ(dst, src, limit)
	case LZ4:
		out, err = appendLZ4(dst, src, limit)
	case ZSTD:
		out, err = d.appendZSTD(dst, src, limit)
	default:
		err = fmt.Errorf("%w: unknown %v", ErrCorrupt, k)
	}
	if err != nil {
		return dst, err
	}
	return out, nil
}

// Prefix appends the first n bytes of the decoded payload to dst, or all of it if it has fewer. The rest is
// decoded no further than the format's blocks make necessary, and errors in it may go unnoticed. On
// ErrCorrupt it returns dst as it was.
func (d *Decoder) Prefix(dst []byte, k Kind, src []byte, n int) ([]byte, error) {
	n = max(n, 0)
	var out []byte
	var err error
	switch k {
	case None:
		return append(dst, src[:min(n, len(src))]...), nil
	case XZ:
		out, err = prefixXZ(dst, src, n)
	case LZ4:
		out, err = prefixLZ4(dst, src, n)
	case ZSTD:
		out, err = d.prefixZSTD(dst, src, n)
	default:
		err = fmt.Errorf("%w: unknown %v", ErrCorrupt, k)
	}
	if err != nil {
		return dst, err
	}
	return out, nil
}

func tooLarge(size uint64, limit int) error {
	return fmt.Errorf("%d bytes: %w of %d", size, ErrTooLarge, limit)
}

func corrupt(k Kind, format string, args ...any) error {
	return fmt.Errorf("%w: %v: %s", ErrCorrupt, k, fmt.Sprintf(format, args...))
}

// grow makes room for n more bytes without making it for many more, as append would.
func grow(dst []byte, n int) []byte {
	if cap(dst)-len(dst) >= n {
		return dst
	}
	if cap(dst) == 0 {
		return make([]byte, 0, n)
	}
	return slices.Grow(dst, n)
}
