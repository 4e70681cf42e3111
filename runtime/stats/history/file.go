// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"

	"github.com/noded/noded/runtime/stats/metric"
)

// The form of a file is described in docs/format/history.md.
const (
	fileMagic   = "NODEDHST"
	fileVersion = 1
	// frameBytes is the size and the checksum before each record.
	frameBytes = 8
	// maxRecordBytes bounds a record. A record that is full is followed by another one of the same entity.
	maxRecordBytes = 1 << 20
	// maxNames and maxNameBytes bound the names of metrics.
	maxNames     = maxColumns
	maxNameBytes = 64
)

// Why a file could not be read, or not all of it.
var (
	// ErrNotHistory: it is another kind of file.
	ErrNotHistory = errors.New("not a file of history")
	// ErrVersion: a newer noded has written it.
	ErrVersion = errors.New("a file of history of another version")
	// ErrDamaged: what comes after some place in the file is lost.
	ErrDamaged = errors.New("damaged file of history")
)

// castagnoli is the polynomial of the checksums, as in Prometheus' files.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// saved is what is written of an entity.
type saved struct {
	name   string
	about  []byte
	blocks []block
	head   table
}

// Save writes everything, for Load of another process. It is as it was at one time; Append goes on meanwhile. Calls come one after the other.
func (s *Store) Save(w io.Writer) error {
	s.saving.Lock()
	defer s.saving.Unlock()
	if _, err := w.Write(fileHeader()); err != nil {
		return fmt.Errorf("save history: %w", err)
	}
	var e encoder
	var record []byte
	records := uint64(0)
	for _, x := range s.everything() {
		if x.head.rows() > 0 {
			data, err := e.encode(&x.head)
			if err != nil {
				return fmt.Errorf("save history of %s: %w", x.name, err)
			}
			x.blocks = append(x.blocks, block{data: data})
		}
		for len(x.blocks) > 0 {
			record, x.blocks = appendRecord(record[:0], &x)
			if _, err := w.Write(record); err != nil {
				return fmt.Errorf("save history: %w", err)
			}
			records++
		}
	}
	if _, err := w.Write(appendEnd(nil, records)); err != nil {
		return fmt.Errorf("save history: %w", err)
	}
	return nil
}

// everything returns what there is, sorted by name. Blocks are shared; they do not change.
func (s *Store) everything() []saved {
	s.mu.RLock()
	all := make([]saved, 0, len(s.entities))
	for _, e := range s.entities {
		if !e.empty() {
			all = append(all, saved{e.name, e.about, slices.Clone(e.blocks), e.head.clone()})
		}
	}
	s.mu.RUnlock()
	slices.SortFunc(all, func(a, b saved) int { return strings.Compare(a.name, b.name) })
	return all
}

func fileHeader() []byte {
	var body []byte
	body = append(body, byte(metric.Count))
	for id := range metric.Count {
		body = binary.AppendUvarint(body, uint64(len(id.String())))
		body = append(body, id.String()...)
	}
	header := append([]byte(fileMagic), fileVersion)
	return appendFrame(header, body)
}

// appendFrame appends a body with its size and checksum before it.
func appendFrame(to, body []byte) []byte {
	to = binary.LittleEndian.AppendUint32(to, uint32(len(body)))
	to = binary.LittleEndian.AppendUint32(to, crc32.Checksum(body, castagnoli()))
	return append(to, body...)
}

// appendRecord appends a record with as many blocks as it can have, and returns the blocks that are left.
func appendRecord(to []byte, x *saved) (record []byte, left []block) {
	body := binary.AppendUvarint(nil, uint64(len(x.name)))
	body = append(body, x.name...)
	body = binary.AppendUvarint(body, uint64(len(x.about)))
	body = append(body, x.about...)
	left = x.blocks
	for len(left) > 0 && len(body)+binary.MaxVarintLen32+len(left[0].data) <= maxRecordBytes {
		body = binary.AppendUvarint(body, uint64(len(left[0].data)))
		body = append(body, left[0].data...)
		left = left[1:]
	}
	return appendFrame(to, body), left
}

// appendEnd appends the last frame. It has no name, which every record has.
func appendEnd(to []byte, records uint64) []byte {
	return appendFrame(to, binary.AppendUvarint([]byte{0}, records))
}

// Load adds what Save wrote, but for what is older than the retention. It is meant for a Store that has nothing yet. An error says why
// not all could be read, and is an ErrNotHistory, ErrVersion, ErrDamaged, or that of the reader; what came before the damage is kept. Memory is
// bounded whatever the file says.
func (s *Store) Load(r io.Reader) error {
	l := loader{store: s, reader: r}
	if err := l.header(); err != nil {
		return err
	}
	for n := uint64(0); ; n++ {
		body, err := l.frame()
		switch {
		case err != nil:
			err = eofIs(err, ErrDamaged)
		case isEnd(body):
			if err = l.end(body, n); err == nil {
				return nil
			}
		default:
			err = l.record(body)
		}
		if err != nil {
			return fmt.Errorf("load history: after %d records: %w", n, err)
		}
	}
}

func isEnd(body []byte) bool { return len(body) > 0 && body[0] == 0 }

// end checks the last frame, which tells how many records there are and has nothing behind it.
func (l *loader) end(body []byte, records uint64) error {
	count, n := binary.Uvarint(body[1:])
	if n <= 0 || n != len(body)-1 || count != records {
		return ErrDamaged
	}
	switch _, err := io.ReadFull(l.reader, l.buffer[:1]); {
	case err == nil:
		return ErrDamaged
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}

// loader reads a file.
type loader struct {
	store  *Store
	reader io.Reader
	// ids are the metrics by their numbers in the file; metric.Count for those that are not known any more. same: the numbers are those of
	// this program.
	ids  []metric.ID
	same bool

	buffer  []byte
	table   table
	decoder decoder
	encoder encoder
}

func (l *loader) header() error {
	var head [len(fileMagic) + 1]byte
	if _, err := io.ReadFull(l.reader, head[:]); err != nil {
		return fmt.Errorf("load history: %w", eofIs(err, ErrNotHistory))
	}
	switch {
	case string(head[:len(fileMagic)]) != fileMagic:
		return fmt.Errorf("load history: %w", ErrNotHistory)
	case head[len(fileMagic)] != fileVersion:
		return fmt.Errorf("load history: %w: %d, known is %d", ErrVersion, head[len(fileMagic)], fileVersion)
	}
	body, err := l.frame()
	if err != nil {
		return fmt.Errorf("load history: names of metrics: %w", eofIs(err, ErrDamaged))
	}
	if err := l.names(body); err != nil {
		return fmt.Errorf("load history: names of metrics: %w", err)
	}
	return nil
}

func (l *loader) names(body []byte) error {
	if len(body) == 0 {
		return ErrDamaged
	}
	count, rest := int(body[0]), body[1:]
	l.same = true
	for n := range count {
		var name []byte
		var ok bool
		if name, rest, ok = cut(rest, maxNameBytes); !ok {
			return ErrDamaged
		}
		id, known := metric.Parse(string(name))
		if !known {
			id = metric.Count
		}
		l.same = l.same && id == metric.ID(n)
		l.ids = append(l.ids, id)
	}
	if len(rest) > 0 {
		return ErrDamaged
	}
	return nil
}

// frame returns the next body, which is valid until the next call; io.EOF after the last one.
func (l *loader) frame() ([]byte, error) {
	var head [frameBytes]byte
	switch _, err := io.ReadFull(l.reader, head[:]); {
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case err != nil:
		return nil, eofIs(err, ErrDamaged)
	}
	size := binary.LittleEndian.Uint32(head[:])
	if size > maxRecordBytes {
		return nil, ErrDamaged
	}
	l.buffer = slices.Grow(l.buffer[:0], int(size))[:size]
	if _, err := io.ReadFull(l.reader, l.buffer); err != nil {
		return nil, eofIs(err, ErrDamaged)
	}
	if crc32.Checksum(l.buffer, castagnoli()) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, ErrDamaged
	}
	return l.buffer, nil
}

// eofIs replaces the end of a file that comes too early.
func eofIs(err, early error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return early
	}
	return err
}

// cut takes a uvarint and as many bytes off the beginning of b.
func cut(b []byte, most int) (head, rest []byte, ok bool) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(most) || size > uint64(len(b)-n) {
		return nil, nil, false
	}
	return b[n : n+int(size)], b[n+int(size):], true
}

// record adds the blocks of a record.
func (l *loader) record(body []byte) error {
	name, rest, ok := cut(body, MaxEntityBytes)
	if !ok || len(name) == 0 {
		return ErrDamaged
	}
	about, rest, ok := cut(rest, MaxAboutBytes)
	if !ok {
		return ErrDamaged
	}
	for len(rest) > 0 {
		var data []byte
		if data, rest, ok = cut(rest, maxBlockBytes); !ok {
			return ErrDamaged
		}
		if err := l.decoder.decode(data, &l.table); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		data, err := l.translate(data)
		if err != nil {
			return err
		}
		if data != nil {
			l.store.restore(string(name), about, block{first: l.table.first(), last: l.table.last(), data: data})
		}
	}
	return nil
}

// translate returns the data of the block that is in the table, in memory of its own, with the numbers of this program; nil if
// there is nothing in it that is known.
func (l *loader) translate(data []byte) ([]byte, error) {
	var known [maxColumns]bool
	columns := 0
	for c, n := range l.table.ids {
		if int(n) >= len(l.ids) {
			return nil, ErrDamaged
		}
		id := l.ids[n]
		if id == metric.Count || known[id] {
			fill(l.table.column(c))
			continue
		}
		known[id] = true
		l.table.ids[c] = id
		columns++
	}
	switch {
	case columns == 0:
		return nil, nil
	case l.same:
		return append([]byte(nil), data...), nil
	}
	data, err := l.encoder.encode(&l.table)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return data, nil
}

// restore adds a block that was kept, unless it is too old. Its age is by the wall clock.
func (s *Store) restore(name string, about []byte, b block) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now().UnixMilli()
	if b.last < now-s.retention.Milliseconds() {
		return
	}
	// What is from the future, by a clock that has been set back since, came just now.
	b.arrived = s.elapsed() - max(now-b.last, 0)
	e := s.entity(name)
	before := e.size()
	if len(e.blocks) == 0 {
		e.touched = b.arrived
	}
	if e.about == nil && len(about) > 0 {
		e.about = append([]byte(nil), about...)
	}
	e.touched = max(e.touched, b.arrived)
	e.insert(b)
	s.bytes += e.size() - before
	s.trim()
}
