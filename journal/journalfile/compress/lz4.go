// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package compress

import (
	"encoding/binary"

	"github.com/pierrec/lz4/v4"
)

const (
	// lz4SizeBytes is the length of the size before the block, which is systemd's own.
	lz4SizeBytes = 8
	// lz4Ratio: each byte of a block adds at most this many bytes to what it decodes to.
	lz4Ratio = 255
	// lz4MinMatch is the length of a match whose token says 0.
	lz4MinMatch = 4
)

// lz4Block returns the block and the size that it is said to decode to.
func lz4Block(src []byte) (block []byte, size uint64, err error) {
	if len(src) <= lz4SizeBytes {
		return nil, 0, corrupt(LZ4, "%d bytes", len(src))
	}
	return src[lz4SizeBytes:], binary.LittleEndian.Uint64(src), nil
}

func appendLZ4(dst, src []byte, limit int) ([]byte, error) {
	block, size, err := lz4Block(src)
	switch {
	case err != nil:
		return nil, err
	case size > uint64(len(block))*lz4Ratio:
		return nil, corrupt(LZ4, "%d bytes cannot hold %d", len(block), size)
	case size > uint64(limit):
		return nil, tooLarge(size, limit)
	case size == 0:
		// The library writes even then, wherever nothing is.
		return nil, corrupt(LZ4, "no bytes")
	}
	out := grow(dst, int(size))[:len(dst)+int(size)]
	n, err := lz4.UncompressBlock(block, out[len(dst):len(out):len(out)])
	if err != nil {
		return nil, corrupt(LZ4, "%v", err)
	}
	if uint64(n) != size {
		return nil, corrupt(LZ4, "%d bytes instead of %d", n, size)
	}
	return out, nil
}

// prefixLZ4 decodes by itself, because the library wants room for the whole block. A block is a sequence
// of literals and matches: a token, whose halves are the lengths of both; more bytes for lengths
// of 15 and above; the literals; the distance of the match in 16 bits.
func prefixLZ4(dst, src []byte, n int) ([]byte, error) {
	block, size, err := lz4Block(src)
	if err != nil {
		return nil, err
	}
	begin := len(dst)
	if uint64(n) > size {
		n = int(size)
	}
	for p := 0; len(dst)-begin < n; {
		if p >= len(block) {
			return nil, corrupt(LZ4, "%d bytes instead of %d", len(dst)-begin, size)
		}
		token := block[p]
		literals, next := lz4Length(block, p+1, int(token>>4))
		if next < 0 || literals > len(block)-next {
			return nil, corrupt(LZ4, "cut off")
		}
		literals, p = min(literals, n-(len(dst)-begin)), next+literals
		dst = append(dst, block[next:next+literals]...)
		if len(dst)-begin == n {
			break
		}
		if p+2 > len(block) {
			return nil, corrupt(LZ4, "cut off")
		}
		distance := int(binary.LittleEndian.Uint16(block[p:]))
		match, next := lz4Length(block, p+2, int(token&15))
		if next < 0 || distance == 0 || distance > len(dst)-begin {
			return nil, corrupt(LZ4, "distance %d", distance)
		}
		p = next
		for match = min(match+lz4MinMatch, n-(len(dst)-begin)); match > 0; {
			from := len(dst) - distance
			m := min(match, distance)
			dst = append(dst, dst[from:from+m]...)
			match -= m
		}
	}
	return dst, nil
}

// lz4Length reads the rest of a length at p, and returns it with the place after it, or -1.
func lz4Length(block []byte, p, n int) (length, next int) {
	if n < 15 {
		return n, p
	}
	for p < len(block) {
		c := block[p]
		n, p = n+int(c), p+1
		if c != 255 {
			return n, p
		}
	}
	return 0, -1
}
