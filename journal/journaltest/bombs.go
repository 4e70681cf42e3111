// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/ulikunitz/xz/lzma"

	"github.com/noded/noded/journal/journalfile/compress"
)

// Bomb is a compressed payload of which a careless reader makes gigabytes.
type Bomb struct {
	Kind    compress.Kind
	Payload []byte
	// Lying says that the content is not as its header says, so that nothing of it, or only its beginning, is good.
	Lying bool
}

// BombBytes is what the largest bombs decode to. All begin with MESSAGE=.
const BombBytes = 8<<30 + 8

const bombName = "MESSAGE="

// Bombs returns payloads of about 1 MiB or less that hold, or say that they hold, as much as BombBytes and more.
func Bombs(t testing.TB) map[string]Bomb {
	t.Helper()
	const largest = 40 // of xz's codes for dictionaries: 4 GiB
	return map[string]Bomb{
		"zstd":                {compress.ZSTD, zstdBomb(BombBytes, 20), false},
		"zstd, no size":       {compress.ZSTD, zstdBomb(0, 20), false},
		"zstd, small size":    {compress.ZSTD, zstdBomb(1000, 20), true},
		"zstd, greater size":  {compress.ZSTD, zstdBomb(1<<62, 20), true},
		"zstd, huge window":   {compress.ZSTD, zstdBomb(0, 29), false},
		"zstd, huger window":  {compress.ZSTD, zstdBomb(0, 41), true},
		"xz":                  {compress.XZ, xzBomb(t, 16, BombBytes), false},
		"xz, no size":         {compress.XZ, xzBomb(t, 16, 0), false},
		"xz, small size":      {compress.XZ, xzBomb(t, 16, 1000), true},
		"xz, huge dictionary": {compress.XZ, xzBomb(t, largest, 0), false},
		"xz, odd dictionary":  {compress.XZ, xzBomb(t, largest+1, 0), true},
		"lz4":                 {compress.LZ4, lz4Bomb(9 + 19 + 1<<20*255 + 5), false},
		"lz4, 8 GiB":          {compress.LZ4, lz4Bomb(BombBytes), true},
		"lz4, negative":       {compress.LZ4, lz4Bomb(1<<64 - 1), true},
		"lz4, small size":     {compress.LZ4, lz4Bomb(1000), true},
	}
}

// zstdBomb is a frame of blocks that each repeat one byte; size is what its header says, 0 for nothing.
func zstdBomb(size uint64, windowLog byte) []byte {
	src := []byte("\x28\xb5\x2f\xfd\x00")
	if size > 0 {
		src[4] = 3 << 6
	}
	src = append(src, (windowLog-10)<<3)
	if size > 0 {
		src = binary.LittleEndian.AppendUint64(src, size)
	}
	const block, repeat = 128 << 10, 1 << 1
	src = append(append(src, byte(len(bombName)<<3), 0, 0), bombName...)
	for n := len(bombName); n < BombBytes; n += block {
		head := uint32(block<<3 | repeat)
		if n+block == BombBytes {
			head |= 1
		}
		src = append(src, byte(head), byte(head>>8), byte(head>>16), 'x')
	}
	return src
}

// xzBomb repeats a chunk of 2 MiB of zeros that depends on nothing before it.
func xzBomb(t testing.TB, dictionary byte, size uint64) []byte {
	t.Helper()
	var chunk bytes.Buffer
	w, err := lzma.NewWriter2(&chunk)
	if err != nil {
		t.Fatal(err)
	}
	const zeros = 1 << 20
	if _, err := w.Write(make([]byte, zeros)); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	src := []byte("\xfd7zXZ\x00\x00\x00")
	src = binary.LittleEndian.AppendUint32(src, crc32.ChecksumIEEE(src[6:]))
	header := []byte{0, 0}
	if size > 0 {
		header[1] = 0x80
		header = binary.AppendUvarint(header, size)
	}
	header = append(header, 0x21, 1, dictionary)
	header = append(header, make([]byte, -len(header)&3)...)
	header[0] = byte(len(header) / 4)
	src = append(src, header...)
	src = binary.LittleEndian.AppendUint32(src, crc32.ChecksumIEEE(header))
	src = append(append(src, 1, 0, byte(len(bombName)-1)), bombName...)
	for n := len(bombName); n < BombBytes; n += zeros {
		src = append(src, chunk.Bytes()...)
	}
	return append(src, 0, 0, 0, 0)
}

func lz4Bomb(size uint64) []byte {
	src := binary.LittleEndian.AppendUint64(nil, size)
	src = append(src, 0x9f)
	src = append(append(src, bombName...), 'x', 1, 0)
	src = append(src, bytes.Repeat([]byte{255}, 1<<20)...)
	return append(src, 0, 0x50, 'a', 'b', 'c', 'd', 'e')
}
