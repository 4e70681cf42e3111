// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// New returns a logger that writes to w. The format is auto, text, json or journald; auto is journald if w is the stream
// that journalStream names, and text if not. journalStream is the variable
// JOURNAL_STREAM, see systemd.exec(5).
func New(w io.Writer, format string, level slog.Leveler, journalStream string) (*slog.Logger, error) {
	options := &slog.HandlerOptions{Level: level}
	switch format {
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "journald":
		return slog.New(newJournaldHandler(w, level)), nil
	case "auto":
		if isStream(w, journalStream) {
			return slog.New(newJournaldHandler(w, level)), nil
		}
		return slog.New(slog.NewTextHandler(w, options)), nil
	default:
		return nil, fmt.Errorf("log format %q: want auto, text, json or journald", format)
	}
}

// isStream reports whether w is the file whose DEVICE:INODE stream is.
func isStream(w io.Writer, stream string) bool {
	f, ok := w.(*os.File)
	if !ok || stream == "" {
		return false
	}
	device, inode, _ := strings.Cut(stream, ":")
	info, err := f.Stat()
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && strconv.FormatUint(uint64(st.Dev), 10) == device && strconv.FormatUint(st.Ino, 10) == inode
}

// journaldHandler writes lines that begin with a priority, see sd-daemon(3). The journal has the time
// and the priority itself, so the rest of the line does not.
type journaldHandler struct {
	inner  slog.Handler
	prefix *prefixWriter
}

func newJournaldHandler(w io.Writer, level slog.Leveler) slog.Handler {
	prefix := &prefixWriter{w: w}
	inner := slog.NewTextHandler(prefix, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
				return slog.Attr{}
			}
			return a
		},
	})
	return &journaldHandler{inner: inner, prefix: prefix}
}

func (h *journaldHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.inner.Enabled(ctx, l)
}

func (h *journaldHandler) Handle(ctx context.Context, r slog.Record) error {
	h.prefix.mu.Lock()
	defer h.prefix.mu.Unlock()
	h.prefix.priority = priority(r.Level)
	return h.inner.Handle(ctx, r)
}

func (h *journaldHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &journaldHandler{inner: h.inner.WithAttrs(attrs), prefix: h.prefix}
}

func (h *journaldHandler) WithGroup(name string) slog.Handler {
	return &journaldHandler{inner: h.inner.WithGroup(name), prefix: h.prefix}
}

// priority is the syslog priority of a level.
func priority(l slog.Level) byte {
	switch {
	case l >= slog.LevelError:
		return '3'
	case l >= slog.LevelWarn:
		return '4'
	case l >= slog.LevelInfo:
		return '6'
	default:
		return '7'
	}
}

// prefixWriter puts the priority before each record. The text handler writes a record by one call.
type prefixWriter struct {
	w io.Writer

	// mu guards the fields below. It is held while a record is handled.
	mu       sync.Mutex
	priority byte
	line     []byte
}

func (p *prefixWriter) Write(record []byte) (int, error) {
	p.line = append(p.line[:0], '<', p.priority, '>')
	p.line = append(p.line, record...)
	if _, err := p.w.Write(p.line); err != nil {
		return 0, err
	}
	return len(record), nil
}
