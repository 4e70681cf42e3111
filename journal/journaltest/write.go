// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
)

// Options say what kind of file is written. The zero value is what journald of systemd 252 writes: compact, with keyed
// hashes, zstd for large values, closed in order.
type Options struct {
	// Regular makes a file that is not compact, Unkeyed one without keyed hashes, as older
	// versions do.
	Regular, Unkeyed bool
	// SeqnumID is the sequence; zero keeps the random one.
	SeqnumID journal.ID128
	// FirstSeqnum is the number of the first entry; 0 means 1.
	FirstSeqnum uint64
	// State is that of the file; the zero value is offline.
	State journalfile.State
}

// remotePaths are where distributions put the program.
var remotePaths = [...]string{"/lib/systemd/systemd-journal-remote", "/usr/lib/systemd/systemd-journal-remote"}

// ErrNoWriter: systemd-journal-remote is not installed.
var ErrNoWriter = errors.New("systemd-journal-remote not found; install the package systemd-journal-remote")

// Write makes a journal file of the entries. The directory is created if it does not exist.
func Write(t testing.TB, path string, o Options, entries []Entry) {
	t.Helper()
	Require(t, write(path, o, entries))
}

// Require ends the test if err is not nil: it is skipped when a program is missing, except in CI.
func Require(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, ErrNoWriter) && os.Getenv("CI") != "true":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

func write(path string, o Options, entries []Entry) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write journal file: %w", err)
	}
	var text []byte
	for i := range entries {
		text = AppendExport(text, &entries[i])
	}
	if err := importExport(path, o, text); err != nil {
		return err
	}
	return patch(path, o, entries)
}

// importExport feeds the text to systemd-journal-remote.
func importExport(path string, o Options, text []byte) error {
	program := ""
	for _, p := range remotePaths {
		if _, err := os.Stat(p); err == nil {
			program = p
			break
		}
	}
	if program == "" {
		return ErrNoWriter
	}
	cmd := exec.Command(program, "--output="+path, "-")
	cmd.Stdin = bytes.NewReader(text)
	cmd.Env = append(os.Environ(),
		fmt.Sprintf("SYSTEMD_JOURNAL_COMPACT=%d", number(!o.Regular)),
		fmt.Sprintf("SYSTEMD_JOURNAL_KEYED_HASH=%d", number(!o.Unkeyed)))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, out)
	}
	return nil
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Offsets in the file, from "Journal File Format".
const (
	offsetState      = 16
	offsetSeqnumID   = 72
	offsetTailSeqnum = 160
	offsetHeadSeqnum = 168
	objectEntry      = 3
	objectSizeMin    = 16
)

// patch sets what systemd-journal-remote does not let one choose: the sequence, which no hash covers. It also gives
// the space that is allocated in advance back.
func patch(path string, o Options, entries []Entry) error {
	header, err := journalfile.ReadHeader(path)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("patch journal file: %w", err)
	}
	defer f.Close()
	p := patcher{f: f}
	next := max(o.FirstSeqnum, 1)
	first, last, end := uint64(0), uint64(0), header.HeaderSize
	i := 0
	for at := header.HeaderSize; at <= header.TailObjectOffset && header.TailObjectOffset > 0 && p.err == nil; {
		kind, size := p.object(at)
		if size < objectSizeMin {
			return fmt.Errorf("patch journal file %q: object of %d bytes at %d", path, size, at)
		}
		if kind == objectEntry && i < len(entries) {
			if entries[i].Seqnum != 0 {
				next = entries[i].Seqnum
			}
			p.put(at+16, next)
			if first == 0 {
				first = next
			}
			last = next
			next++
			i++
		}
		end = at + size
		at += (size + 7) &^ 7
	}
	if i != len(entries) && p.err == nil {
		return fmt.Errorf("patch journal file %q: %d entries, want %d", path, i, len(entries))
	}
	if i > 0 {
		p.put(offsetHeadSeqnum, first)
		p.put(offsetTailSeqnum, last)
	}
	if !o.SeqnumID.IsZero() {
		p.write(offsetSeqnumID, o.SeqnumID[:])
	}
	p.write(offsetState, []byte{byte(o.State)})
	if p.err != nil {
		return fmt.Errorf("patch journal file: %w", p.err)
	}
	punch(f, int64(end), int64(header.SizeBytes))
	if err := f.Chmod(0o644); err != nil {
		return fmt.Errorf("patch journal file: %w", err)
	}
	return nil
}

// patcher remembers the first error.
type patcher struct {
	f   *os.File
	err error
}

func (p *patcher) object(at uint64) (kind byte, size uint64) {
	var raw [objectSizeMin]byte
	if _, err := p.f.ReadAt(raw[:], int64(at)); err != nil && p.err == nil {
		p.err = err
	}
	return raw[0], binary.LittleEndian.Uint64(raw[8:])
}

func (p *patcher) put(at, n uint64) {
	p.write(at, binary.LittleEndian.AppendUint64(nil, n))
}

func (p *patcher) write(at uint64, b []byte) {
	if _, err := p.f.WriteAt(b, int64(at)); err != nil && p.err == nil {
		p.err = err
	}
}
