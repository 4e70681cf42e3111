// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"github.com/noded/noded/runtime/stats/history"
)

const (
	// historyName is the file in state.directory with what was used. With damagedEnd, versionEnd and unreadEnd it is one that was put aside,
	// because it is damaged or something else, another version of noded wrote it, or it could not be read.
	historyName = "stats-history"
	damagedEnd  = ".damaged"
	versionEnd  = ".other-version"
	unreadEnd   = ".unread"
	// historyBuffer is how much of the file is read or written at once.
	historyBuffer = 64 << 10
	// maxHistoryBytes bounds what is read of it. History is hardly larger in a file than in memory.
	maxHistoryBytes = 1 << 30
)

// historyFile keeps history over a restart. It belongs to one goroutine.
type historyFile struct {
	log *slog.Logger
	// store is nil if no history is kept, directory empty if it is not kept over a restart.
	store     *history.Store
	directory string
	// unread: there is a file that could not be read, but perhaps can be another time. stopped: there was no time to read it.
	unread, stopped bool
}

// load reads what an earlier noded has kept. A file that no later try can read is put aside, so that it is told of once.
func (h *historyFile) load(ctx context.Context) {
	if h.store == nil || h.directory == "" {
		return
	}
	path := filepath.Join(h.directory, historyName)
	err := h.read(ctx, path)
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
	case ctx.Err() != nil:
		h.stopped = true
	case errors.Is(err, history.ErrDamaged):
		h.log.Warn("of what was used before noded started only a part is known: the file that it was kept in is damaged", "file", path, "err", err)
		h.putAside(path, damagedEnd)
	case errors.Is(err, history.ErrNotHistory):
		h.log.Warn("what was used before noded started is not known: the file that it was kept in is something else", "file", path, "err", err)
		h.putAside(path, damagedEnd)
	case errors.Is(err, history.ErrVersion):
		h.log.Warn("what was used before noded started is not known: another version of noded has kept it", "file", path, "err", err)
		h.putAside(path, versionEnd)
	default:
		h.log.Warn("what was used before noded started is not known, or not all of it: the file that it was kept in cannot be read", "file", path, "err", err)
		h.unread = true
	}
}

func (h *historyFile) read(ctx context.Context, path string) error {
	// A FIFO would be waited for.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", path)
	}
	return h.store.Load(bufio.NewReaderSize(io.LimitReader(&stoppable{ctx, f}, maxHistoryBytes), historyBuffer))
}

// stoppable is a reader that ends with a context.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s *stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// putAside gives a file another name, over one that has it.
func (h *historyFile) putAside(path, end string) bool {
	if err := os.Rename(path, path+end); err != nil {
		h.log.Warn("the file of what was used before noded started stays where it is", "file", path, "err", err)
		return false
	}
	h.log.Info("the file of what was used before noded started was put aside", "file", path+end)
	return true
}

// save keeps what was used for the next noded. Either the whole file is there, or the one before.
func (h *historyFile) save() {
	if h.store == nil || h.directory == "" || h.stopped {
		return
	}
	path := filepath.Join(h.directory, historyName)
	if h.unread && !h.putAside(path, unreadEnd) {
		h.log.Warn("what was used since noded started is lost with this restart, so that the file from before stays", "file", path)
		return
	}
	if err := h.write(path); err != nil {
		h.log.Warn("what was used is lost with this restart", "err", err)
	}
}

func (h *historyFile) write(path string) (err error) {
	// One that a crash has left is written over.
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_WRONLY|os.O_TRUNC|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return fmt.Errorf("keep history: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("keep history: %w", errors.Join(err, f.Close(), os.Remove(f.Name())))
		}
	}()
	w := bufio.NewWriterSize(f, historyBuffer)
	if err := h.store.Save(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	// A file without contents must not take the place of the one before when the machine goes down.
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	if err := errors.Join(f.Close(), syncDirectory(h.directory)); err != nil {
		h.log.Warn("what was used is kept, but perhaps not if the machine goes down now", "err", err)
	}
	return nil
}

// syncDirectory makes the names in a directory last.
func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
