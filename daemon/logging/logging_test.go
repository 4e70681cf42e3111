// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestJournaldFormat(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	level := new(slog.LevelVar)
	log, err := New(&out, "journald", level, "")
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("hidden")
	log.Info("serving", "socket", "/s")
	log.With("uid", 7).WithGroup("g").Warn("two\nlines", "level", "x")
	log.Error("bad", "err", "a b")
	level.Set(slog.LevelDebug)
	log.Debug("shown")
	want := "<6>msg=serving socket=/s\n" +
		"<4>msg=\"two\\nlines\" uid=7 g.level=x\n" +
		"<3>msg=bad err=\"a b\"\n" +
		"<7>msg=shown\n"
	if out.String() != want {
		t.Errorf("log:\n%s\nwant:\n%s", out.String(), want)
	}
}

func TestJournaldFormatIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log, err := New(&out, "journald", slog.LevelInfo, "")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	for i := range 8 {
		running.Go(func() {
			for range 100 {
				if i%2 == 0 {
					log.With("i", i).Info("even")
				} else {
					log.Error("odd")
				}
			}
		})
	}
	running.Wait()
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "<6>msg=even i=") && line != "<3>msg=odd\n" {
			t.Fatalf("line %q", line)
		}
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{"text": "level=INFO msg=hello", "json": `"msg":"hello"`, "auto": "level=INFO msg=hello"} {
		var out bytes.Buffer
		log, err := New(&out, format, slog.LevelInfo, "1:2")
		if err != nil {
			t.Fatal(err)
		}
		log.Info("hello")
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s: %q lacks %q", format, out.String(), want)
		}
	}
	if _, err := New(os.Stderr, "xml", slog.LevelInfo, ""); err == nil {
		t.Error("format xml was accepted")
	}
}

func TestAutoKnowsTheJournal(t *testing.T) {
	t.Parallel()
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var st syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	for stream, journald := range map[string]bool{
		fmt.Sprintf("%d:%d", st.Dev, st.Ino):   true,
		fmt.Sprintf("%d:%d", st.Dev, st.Ino+1): false,
		"":                                     false,
		"nonsense":                             false,
	} {
		if got := isStream(f, stream); got != journald {
			t.Errorf("isStream(%q) = %v", stream, got)
		}
	}
}
