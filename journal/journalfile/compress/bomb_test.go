// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package compress_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/ulikunitz/xz/lzma"

	"github.com/noded/noded/journal/journalfile/compress"
)

const bombBytes = 8 << 30

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
	for n := 0; n < bombBytes; n += block {
		head := uint32(block<<3 | repeat)
		if n+block == bombBytes {
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
	for n := 0; n < bombBytes; n += zeros {
		src = append(src, chunk.Bytes()...)
	}
	return append(src, 0, 0, 0, 0)
}

func lz4Bomb(size uint64) []byte {
	src := binary.LittleEndian.AppendUint64(nil, size)
	src = append(src, 0x1f, 'x', 1, 0)
	src = append(src, bytes.Repeat([]byte{255}, 1<<20)...)
	return append(src, 0, 0x50, 'a', 'b', 'c', 'd', 'e')
}

// allocated is how many bytes were ever allocated.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// TestBombs measures what the whole process allocates, and so does not run beside others.
func TestBombs(t *testing.T) { //nolint:paralleltest // see above
	const limit = 1 << 20
	const largest, own = 40, 0
	for name, bomb := range map[string]struct {
		kind compress.Kind
		src  []byte
		// want is the error of Append; prefix says that the content begins well.
		want   error
		prefix bool
	}{
		"zstd":                {compress.ZSTD, zstdBomb(bombBytes, 20), compress.ErrTooLarge, true},
		"zstd, no size":       {compress.ZSTD, zstdBomb(0, 20), compress.ErrTooLarge, true},
		"zstd, small size":    {compress.ZSTD, zstdBomb(1000, 20), compress.ErrCorrupt, false},
		"zstd, greater size":  {compress.ZSTD, zstdBomb(1<<62, 20), compress.ErrTooLarge, true},
		"zstd, huge window":   {compress.ZSTD, zstdBomb(0, 29), compress.ErrTooLarge, true},
		"zstd, largest":       {compress.ZSTD, zstdBomb(0, 41), compress.ErrCorrupt, true},
		"xz":                  {compress.XZ, xzBomb(t, 16, bombBytes), compress.ErrTooLarge, true},
		"xz, no size":         {compress.XZ, xzBomb(t, 16, 0), compress.ErrTooLarge, true},
		"xz, small size":      {compress.XZ, xzBomb(t, 16, 1000), compress.ErrCorrupt, false},
		"xz, huge dictionary": {compress.XZ, xzBomb(t, largest, 0), compress.ErrTooLarge, true},
		"xz, odd dictionary":  {compress.XZ, xzBomb(t, largest+1, 0), compress.ErrCorrupt, false},
		"lz4":                 {compress.LZ4, lz4Bomb(1<<20*255 + 26), compress.ErrTooLarge, true},
		"lz4, 8 GiB":          {compress.LZ4, lz4Bomb(bombBytes), compress.ErrCorrupt, true},
		"lz4, negative":       {compress.LZ4, lz4Bomb(1<<64 - 1), compress.ErrCorrupt, true},
		"lz4, small size":     {compress.LZ4, lz4Bomb(1000), compress.ErrCorrupt, true},
	} {
		t.Run(name, func(t *testing.T) {
			var d compress.Decoder
			defer d.Close()
			for _, call := range []struct {
				name string
				f    func() ([]byte, error)
			}{
				{"Append", func() ([]byte, error) { return d.Append(nil, bomb.kind, bomb.src, limit) }},
				{"Prefix", func() ([]byte, error) { return d.Prefix(nil, bomb.kind, bomb.src, limit) }},
			} {
				before, begin := allocated(), time.Now()
				got, err := call.f()
				if call.name == "Append" && (!errors.Is(err, bomb.want) || got != nil) {
					t.Errorf("Append = %d bytes, %v, want %v", len(got), err, bomb.want)
				}
				if call.name == "Prefix" && (err == nil) != bomb.prefix {
					t.Errorf("Prefix = %d bytes, %v", len(got), err)
				}
				if n := allocated() - before; n > 2*limit+8<<20 {
					t.Errorf("%s allocated %d bytes", call.name, n)
				}
				if took := time.Since(begin); took > 2*time.Second {
					t.Errorf("%s took %v", call.name, took)
				}
			}
		})
	}
}
