// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/stats/history"
	"github.com/noded/noded/runtime/stats/metric"
)

// TestHistoryFile: a file that is not what it should be is told of in words, and never written over unread.
func TestHistoryFile(t *testing.T) {
	t.Parallel()
	kept := func() *history.Store {
		s := history.New(history.Config{})
		s.Append("node", time.Now(), []history.Value{{ID: metric.CPUUsage, V: 1}})
		return s
	}
	var whole bytes.Buffer
	if err := kept().Save(&whole); err != nil {
		t.Fatal(err)
	}
	text := whole.Bytes()
	put := func(text []byte) func(path string) error {
		return func(path string) error { return os.WriteFile(path, text, 0o600) }
	}
	for name, test := range map[string]struct {
		make    func(path string) error
		stopped bool
		// loaded: what is in the file is known, at least in part.
		loaded bool
		// said is in the log, left are the files after a save.
		said, left string
	}{
		"nothing":         {make: func(string) error { return nil }, left: "stats-history"},
		"whole":           {make: put(text), loaded: true, left: "stats-history"},
		"without its end": {make: put(text[:len(text)-10]), loaded: true, said: "only a part is known", left: "stats-history stats-history.damaged"},
		"something else":  {make: put([]byte("#!/bin/sh\n")), said: "is something else", left: "stats-history stats-history.damaged"},
		"newer":           {make: put([]byte("NODEDHST\x09")), said: "another version of noded", left: "stats-history stats-history.other-version"},
		"directory":       {make: func(path string) error { return os.Mkdir(path, 0o700) }, said: "cannot be read", left: "stats-history stats-history.unread"},
		"FIFO":            {make: func(path string) error { return syscall.Mkfifo(path, 0o600) }, said: "cannot be read", left: "stats-history stats-history.unread"},
		"stopped":         {make: put(text), stopped: true, left: "stats-history"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log strings.Builder
			h := historyFile{log: slog.New(slog.NewTextHandler(&log, nil)), store: history.New(history.Config{}), directory: t.TempDir()}
			path := filepath.Join(h.directory, historyName)
			if err := test.make(path); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if test.stopped {
				cancel()
			}
			h.load(ctx)
			if loaded := !h.store.Oldest().IsZero(); loaded != test.loaded || !strings.Contains(log.String(), test.said) || test.said == "" && log.Len() > 0 {
				t.Errorf("loaded: %v, want %v; the log says:\n%s", loaded, test.loaded, log.String())
			}
			h.save()
			var left []string
			entries, err := os.ReadDir(h.directory)
			for _, e := range entries {
				left = append(left, e.Name())
			}
			if d := cmp.Diff(test.left, strings.Join(left, " ")); d != "" || err != nil {
				t.Errorf("files: %v, %s", err, d)
			}
			info, err := os.Stat(path)
			if err != nil || info.Mode() != fs.FileMode(0o600) || test.stopped && info.Size() != int64(len(text)) {
				t.Errorf("%v, %v", info, err)
			}
		})
	}
}
