// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/noded/noded/runtime/podlog"
)

// Rotation says how a rotation goes.
type Rotation struct {
	// Pause is how long the runtime goes on writing to the renamed file before it makes a new one.
	Pause time.Duration
	// Late: one more piece is written to the renamed file after the new one is there.
	Late bool
	// Plain: nothing is compressed.
	Plain bool
}

// Rotate rotates the log as the kubelet does, or, in the layout of Docker, as dockerd does.
func (l *Log) Rotate(r Rotation) error {
	l.turn.Lock()
	defer l.turn.Unlock()
	if err := l.endLate(); err != nil {
		return err
	}
	if l.options.Layout == podlog.LayoutDocker {
		return l.rotateDocker(r)
	}
	// The kubelet leaves room for the file that it is about to rename and for the new one.
	for len(l.old) > max(0, l.options.MaxFiles-2) {
		if err := l.remove(l.old[0]); err != nil {
			return err
		}
		l.old = l.old[1:]
	}
	for i := range l.old {
		if r.Plain || l.old[i].compressed {
			continue
		}
		if err := l.compress(&l.old[i], l.old[i].path+".tmp"); err != nil {
			return err
		}
	}
	// Names have a resolution of a second; the kubelet does not rotate more often than that.
	l.rotated = l.rotated.Add(time.Second)
	if now := l.options.Clock(); now.After(l.rotated) {
		l.rotated = now
	}
	from := l.path()
	to := from + "." + l.rotated.Format("20060102-150405")
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return l.renamed(to, r)
}

// endLate lets nothing more go into the file before the one that is written to: it may be compressed.
func (l *Log) endLate() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.late == nil {
		return nil
	}
	err := l.late.Close()
	l.late = nil
	return err
}

// renamed makes a new file after the one before was renamed.
func (l *Log) renamed(to string, r Rotation) error {
	if r.Pause > 0 {
		time.Sleep(r.Pause)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.old = append(l.old, oldFile{path: to, place: l.place})
	l.truth.change(func(_ []file, c *Counts) { c.Rotations++ })
	return l.reopen(r.Late)
}

// rotateDocker moves ID-json.log to .1, .1 to .2 and so on, and compresses the new .1.
func (l *Log) rotateDocker(r Rotation) error {
	if len(l.old) > 0 && len(l.old) >= l.options.MaxFiles-1 {
		if err := l.remove(l.old[0]); err != nil {
			return err
		}
		l.old = l.old[1:]
	}
	for i := range l.old {
		f := &l.old[i]
		to := l.path() + "." + strconv.Itoa(len(l.old)-i+1)
		if f.compressed {
			to += ".gz"
		}
		if err := os.Rename(f.path, to); err != nil {
			return err
		}
		f.path = to
	}
	to := l.path() + ".1"
	if err := os.Rename(l.path(), to); err != nil {
		return err
	}
	r.Late = false // dockerd closes the file first
	if err := l.renamed(to, r); err != nil || r.Plain {
		return err
	}
	f := &l.old[len(l.old)-1]
	return l.compress(f, f.path+".gz")
}

// compress compresses a file under a name and then gives it the name with .gz, as the kubelet does; dockerd uses the final name
// from the beginning.
func (l *Log) compress(f *oldFile, temporary string) (err error) {
	in, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(out)
	_, err = io.Copy(z, in)
	if err = errors.Join(err, z.Close(), out.Close()); err != nil {
		return fmt.Errorf("compress a rotated file: %w", err)
	}
	to := f.path + ".gz"
	if temporary != to {
		if err := os.Rename(temporary, to); err != nil {
			return err
		}
	}
	if err := os.Remove(f.path); err != nil {
		return err
	}
	f.path, f.compressed = to, true
	l.truth.change(func(files []file, c *Counts) {
		files[f.place].compressed = time.Now()
		c.Compressed++
	})
	return nil
}
