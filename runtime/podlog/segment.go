// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/noded/noded/runtime/safefs"
)

const (
	// fingerprintBytes is how much of the first line a fingerprint is made of, at most.
	fingerprintBytes = 1 << 10
	// maxGunzip bounds what a compressed file is read to: rotated files are as large as the kubelet or Docker lets a log
	// become, which is 10 MiB unless configured.
	maxGunzip = 1 << 30
)

// segment is one open file of a log. It belongs to one goroutine.
type segment struct {
	source *Source
	entry  entry
	// file is nil if it cannot be opened; then nothing is in it.
	file   *os.File
	inode  uint64
	device uint64
	gzip   *gunzipped

	// id is the identity of its records; nil before its first line is whole.
	id *File
	// head is where its beginning is read to.
	head []byte
}

// openSegment opens the file of an entry.
func openSegment(dir *safefs.Dir, source *Source, e entry) (*segment, error) {
	f, err := dir.Open(e.name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s := &segment{source: source, entry: e, file: f}
	s.inode, s.device = safefs.Inode(info)
	if e.gzip {
		s.gzip = &gunzipped{file: f, size: -1}
		// Later it would have to be decompressed from the beginning again.
		s.identity()
	}
	return s, nil
}

// unreadable returns the segment of a file that cannot be opened.
func unreadable(source *Source, e *entry) *segment {
	return &segment{source: source, entry: *e, inode: e.inode, device: e.device}
}

// close releases the file.
func (s *segment) close() {
	if s != nil && s.file != nil {
		// It was only read.
		_ = s.file.Close()
	}
}

// readAt reads at an offset of the decompressed file. It returns io.EOF at the end, for now, and other errors when the file cannot be read
// there, now or later.
func (s *segment) readAt(p []byte, off int64) (int, error) {
	if s.gzip != nil {
		return s.gzip.readAt(p, off)
	}
	if s.file == nil {
		return 0, io.EOF
	}
	return s.file.ReadAt(p, off)
}

// size returns the number of bytes that there are now, decompressed.
func (s *segment) size() (int64, error) {
	if s.gzip != nil {
		return s.gzip.measure(), nil
	}
	if s.file == nil {
		return 0, nil
	}
	info, err := s.file.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// quiet reports how long nobody has written to the file or renamed it.
func (s *segment) quiet() time.Duration {
	info, err := s.file.Stat()
	if err != nil {
		return time.Hour
	}
	return time.Since(safefs.Changed(info))
}

// identity returns the identity of the file; nil if it has no whole line yet.
func (s *segment) identity() *File {
	if s.id == nil {
		if print, ok := s.fingerprint(); ok {
			s.id = &File{Source: s.source, Run: s.entry.run, Inode: s.inode, Fingerprint: print}
		}
	}
	return s.id
}

// isUnread reports whether there is no line yet in the file that is written to.
func (s *segment) isUnread() bool { return s.entry.live && s.file != nil && s.identity() == nil }

// replaced reports whether the file that is written to begins with another line now. It is asked before each read, which without that would be
// of the middle of another log if that is longer already.
func (s *segment) replaced() bool {
	if s.id == nil || s.gzip != nil || !s.entry.live {
		return false
	}
	print, ok := s.fingerprint()
	return !ok || print != s.id.Fingerprint
}

// fingerprint hashes the first line of the file, which stays the same when it is renamed or compressed and has a time of
// nanoseconds in it. ok is false when there is no whole line yet.
func (s *segment) fingerprint() (print uint64, ok bool) {
	if s.head == nil {
		s.head = make([]byte, fingerprintBytes)
	}
	n, _ := s.readAt(s.head, 0)
	head := s.head[:n]
	if i := bytes.IndexByte(head, '\n'); i >= 0 {
		head = head[:i+1]
	} else if n < fingerprintBytes {
		return 0, false
	}
	h := fnv.New64a()
	_, _ = h.Write(head) // never fails
	return h.Sum64(), true
}

// gunzipped is a compressed file. It is read forwards; going back starts again.
type gunzipped struct {
	file   *os.File
	reader *gzip.Reader
	buffer *bufio.Reader
	at     int64
	// size is the decompressed size; negative before it is known.
	size int64
	err  error
}

func (g *gunzipped) readAt(p []byte, off int64) (int, error) {
	if g.size >= 0 && off >= g.size {
		return 0, g.end()
	}
	if g.reader == nil || off < g.at {
		if err := g.restart(); err != nil {
			return 0, err
		}
	}
	if off > g.at {
		n, err := io.CopyN(io.Discard, g.reader, off-g.at)
		g.at += n
		if err != nil {
			return 0, g.ended(err)
		}
	}
	if int64(len(p)) > maxGunzip-g.at {
		p = p[:max(0, maxGunzip-g.at)]
		if len(p) == 0 {
			return 0, g.ended(errTooLarge)
		}
	}
	n, err := io.ReadFull(g.reader, p)
	g.at += int64(n)
	if err != nil {
		return n, g.ended(err)
	}
	return n, nil
}

// end is what a read at the end returns.
func (g *gunzipped) end() error {
	if g.err != nil {
		return g.err
	}
	return io.EOF
}

// ended notes the end of the file, or of what can be decompressed.
func (g *gunzipped) ended(err error) error {
	g.size = g.at
	if errors.Is(err, io.EOF) || g.whole(err) {
		return io.EOF
	}
	g.err = fmt.Errorf("decompress: %w", err)
	return g.err
}

// whole tells the end of the data within a read from the end of a file that was cut off.
func (g *gunzipped) whole(err error) bool {
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		return false
	}
	var one [1]byte
	_, again := g.reader.Read(one[:])
	return errors.Is(again, io.EOF)
}

func (g *gunzipped) restart() error {
	if _, err := g.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	g.at = 0
	if g.buffer == nil {
		g.buffer = bufio.NewReaderSize(g.file, minBuffer)
	} else {
		g.buffer.Reset(g.file)
	}
	var err error
	if g.reader == nil {
		g.reader, err = gzip.NewReader(g.buffer)
	} else {
		err = g.reader.Reset(g.buffer)
	}
	if err != nil {
		g.reader = nil
		g.size = 0
		if errors.Is(err, io.EOF) {
			// An empty file.
			return io.EOF
		}
		g.err = fmt.Errorf("decompress: %w", err)
		return g.err
	}
	return nil
}

// measure returns the decompressed size, for which it may have to decompress the file. What cannot be decompressed does not
// count.
func (g *gunzipped) measure() int64 {
	if g.size >= 0 {
		return g.size
	}
	if g.reader == nil && g.restart() != nil {
		return g.size
	}
	n, err := io.CopyN(io.Discard, g.reader, maxGunzip-g.at)
	g.at += n
	if err == nil {
		err = errTooLarge
	}
	_ = g.ended(err)
	return g.size
}
