// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
)

// live writes a journal as journald does while it is read: entries go to system.journal, which is renamed and begun anew when it
// has enough of them, and the oldest files are removed.
type live struct {
	dir      string
	perFile  int // entries of a file
	keep     int // archived files
	w        *FileWriter
	written  uint64
	archived []string
}

func (l *live) path() string { return filepath.Join(l.dir, "system.journal") }

func (l *live) create() (err error) {
	l.w, err = Create(l.path(), FileOptions{
		SeqnumID: id(0x91), MachineID: machine(), FirstSeqnum: l.written + 1, Increase: 256 << 10, State: journalfile.StateArchived,
	})
	return err
}

func (l *live) append(n int) error {
	for range n {
		if l.w == nil {
			if err := l.create(); err != nil {
				return err
			}
		}
		l.written++
		n := journal.Usec(l.written)
		err := l.w.Append(&Entry{
			Realtime: 1_700_000_000_000_000 + n*100, Monotonic: 1_000_000 + n*100, BootID: id(0x92),
			Fields: []journal.Field{
				F("PRIORITY", "6"), F("_SYSTEMD_UNIT", fmt.Sprintf("unit-%d.service", n%3)),
				F("MESSAGE", fmt.Sprintf("message %d", n)), F("COUNT", fmt.Sprint(n)),
			},
		})
		if err != nil {
			return err
		}
		if l.written%uint64(l.perFile) == 0 {
			if err := l.rotate(); err != nil {
				return err
			}
		}
	}
	return l.w.Notify()
}

// rotate renames the file, begins the next, and only then says that the old one is complete.
func (l *live) rotate() error {
	h, err := journalfile.ReadHeader(l.path())
	if err != nil {
		return err
	}
	name := filepath.Join(l.dir, fmt.Sprintf("system@%s-%016x-%016x.journal", h.SeqnumID, h.HeadSeqnum, uint64(h.HeadRealtime)))
	if err := os.Rename(l.path(), name); err != nil {
		return err
	}
	old := l.w
	if err := errors.Join(l.create(), old.Close()); err != nil {
		return err
	}
	l.archived = append(l.archived, name)
	for len(l.archived) > l.keep {
		if err := remove(l.archived[0]); err != nil {
			return err
		}
		l.archived = l.archived[1:]
	}
	return nil
}

// counter is a Sink that counts, and stops now and then for longer than it takes to write several files.
type counter struct {
	t        *testing.T
	last     uint64
	seen     uint64
	lost     uint64
	gaps     []journal.Gap
	slow     bool
	end      uint64 // of the writer, once it is known
	endKnown <-chan uint64
	cancel   context.CancelFunc
}

func (c *counter) Entry(e journal.Entry) error {
	n := e.Header().Seqnum
	if n <= c.last {
		return fmt.Errorf("entry %d comes after %d", n, c.last)
	}
	f, err := e.Lookup("COUNT")
	if errors.Is(err, journal.ErrNoField) {
		// Its file was removed after the entry was found, and a part of it is gone.
		err = fmt.Errorf("entry %d: %w: %w", n, journal.ErrUnreadable, err)
	}
	if err != nil {
		return err
	}
	if string(f.Value) != fmt.Sprint(n) {
		return fmt.Errorf("entry %d has the number %s", n, f.Value)
	}
	c.last = n
	if c.seen++; c.slow && c.seen%333 == 0 {
		time.Sleep(300 * time.Millisecond)
	}
	return nil
}

func (c *counter) Gap(g journal.Gap) error {
	c.gaps = append(c.gaps, g)
	c.lost += g.Count
	return nil
}

func (c *counter) Progress(journal.Progress) error {
	if c.end == 0 {
		select {
		case c.end = <-c.endKnown:
		default:
			return nil
		}
	}
	if c.last >= c.end {
		c.cancel()
	}
	return nil
}

// testLive: under load each entry is delivered once and in order, or told to be lost.
func (s suite) testLive(t *testing.T) {
	for _, slow := range []bool{false, true} {
		t.Run(fmt.Sprintf("slow=%t", slow), func(t *testing.T) {
			t.Parallel()
			l := &live{dir: filepath.Join(t.TempDir(), machine().String()), perFile: 500, keep: 3}
			Require(t, l.append(100))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			end := make(chan uint64, 1)
			written := make(chan error, 1)
			go func() {
				var err error
				for range 150 {
					if err = l.append(100); err != nil {
						break
					}
					time.Sleep(8 * time.Millisecond)
				}
				// The reader stops at an entry that comes after it knows the end.
				end <- l.written + 1
				written <- errors.Join(err, l.append(1), l.w.Close())
			}()
			c := &counter{t: t, slow: slow, endKnown: end, cancel: cancel}
			local := &journal.Local{Engine: s.engine, Source: journal.Source{Directory: filepath.Dir(l.dir)}}
			q := journal.NewQuery()
			q.Follow = true
			if err := local.Read(ctx, q, c); !errors.Is(err, context.Canceled) {
				t.Errorf("Read: %v", err)
			}
			Require(t, <-written)
			if c.seen+c.lost != l.written || c.last != l.written {
				t.Errorf("%d entries delivered, the last %d, %d told to be lost, want %d together; gaps %+v", c.seen, c.last, c.lost, l.written, c.gaps)
			}
			t.Logf("%d delivered, %d lost", c.seen, c.lost)
		})
	}
}
