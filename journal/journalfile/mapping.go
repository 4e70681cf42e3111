// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile

import (
	"errors"
	"io"
	"math"
	"os"
	"unsafe"
)

const (
	// maxMappedBytes is the largest file that is mapped as a whole; journald's own limit is 128 MiB, and a file of more
	// than 4 GiB cannot be compact.
	maxMappedBytes = 1 << 40
	// chunkBytes and maxChunks are the unit and the bound of what is kept of a file that cannot be mapped.
	chunkBytes = 64 << 10
	maxChunks  = 256
)

// errNoMapping: the system, or the file system of the file, does not map files.
var errNoMapping = errors.New("files cannot be mapped")

// content is the bytes of a file: mapped, or where that is not possible read in chunks as they are needed.
type content struct {
	// b is the mapping; nil when there is none.
	b []byte
	// length is the number of bytes that can be read.
	length uint64

	r      io.ReaderAt
	chunks map[uint64][]byte
}

// openContent makes the first size bytes of the file readable.
func openContent(f *os.File, size uint64, mapped bool) (content, error) {
	if size > maxMappedBytes || size > math.MaxInt {
		return content{}, headerError(ErrCorrupt, "the file has %d bytes", size)
	}
	if mapped {
		b, err := mapFile(f, int(size))
		if err == nil {
			return content{b: b, length: size}, nil
		}
	}
	return content{length: size, r: f, chunks: make(map[uint64][]byte)}, nil
}

// close releases the mapping.
func (c *content) close() error {
	b := c.b
	*c = content{}
	if b == nil {
		return nil
	}
	return unmap(b)
}

// at returns n bytes at an offset; ok is false if the file has fewer. Bytes of a mapping may change, and are gone with it.
func (c *content) at(offset, n uint64) (b []byte, ok bool) {
	if offset > c.length || n > c.length-offset {
		return nil, false
	}
	if c.b != nil {
		return c.b[offset : offset+n : offset+n], true
	}
	return c.read(offset, n)
}

// read is at without a mapping. The bytes stay as they are.
func (c *content) read(offset, n uint64) ([]byte, bool) {
	first, last := offset/chunkBytes, (offset+max(n, 1)-1)/chunkBytes
	if first != last {
		b := make([]byte, n)
		got, err := c.r.ReadAt(b, int64(offset))
		return b, uint64(got) == n && (err == nil || errors.Is(err, io.EOF))
	}
	chunk, ok := c.chunks[first]
	if !ok {
		chunk = make([]byte, min(chunkBytes, c.length-first*chunkBytes))
		got, err := c.r.ReadAt(chunk, int64(first*chunkBytes))
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, false
		}
		chunk = chunk[:got]
		if len(c.chunks) >= maxChunks {
			clear(c.chunks)
		}
		c.chunks[first] = chunk
	}
	begin := offset - first*chunkBytes
	if begin+n > uint64(len(chunk)) {
		return nil, false
	}
	return chunk[begin : begin+n : begin+n], true
}

// kindAt reads the type of the data object at the offset again. If the file was cut off, what was read of it before is whole.
func (c *content) kindAt(offset uint64) byte {
	var kind [1]byte
	if _, err := c.r.ReadAt(kind[:], int64(offset)); err != nil {
		return byte(objectData)
	}
	return kind[0]
}

// forget makes what was read be read again, because the file may have changed.
func (c *content) forget() { clear(c.chunks) }

// contains reports whether the address is in the mapping.
func (c *content) contains(address uintptr) bool {
	if len(c.b) == 0 {
		return false
	}
	begin := uintptr(unsafe.Pointer(unsafe.SliceData(c.b))) //nolint:gosec // only compared; the memory is not the collector's
	return address >= begin && address-begin < uintptr(len(c.b))
}
