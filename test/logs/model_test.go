// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/noded/noded/runtime/podlog"
)

// modelRead reads a log that nobody writes to as simply as can be: all files of all runs in order, lines joined per stream, each
// where it ends.
func modelRead(o Options) ([]podlog.Record, error) {
	files, err := modelFiles(o)
	if err != nil {
		return nil, err
	}
	var records []podlog.Record
	var open [3]*podlog.Record
	run := uint32(0)
	flush := func() {
		for i, r := range open {
			if r != nil {
				records = append(records, *r)
			}
			open[i] = nil
		}
	}
	for _, f := range files {
		if f.run != run {
			flush()
			run = f.run
		}
		content, err := modelContent(f.path)
		if err != nil {
			return nil, err
		}
		for text := range strings.Lines(content) {
			piece, err := modelPiece(o.Format, strings.TrimSuffix(text, "\n"))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.path, err)
			}
			piece.File = &podlog.File{Source: &podlog.Source{Pod: "p", UID: "u", Container: "c"}, Run: f.run}
			r := open[piece.Stream]
			if r == nil {
				r = &piece
			} else {
				r.Text, r.Partial = append(r.Text, piece.Text...), piece.Partial
			}
			open[piece.Stream] = r
			if !r.Partial {
				records = append(records, *r)
				open[piece.Stream] = nil
			}
		}
	}
	flush()
	return records, nil
}

type modelFile struct {
	path string
	run  uint32
}

func modelFiles(o Options) ([]modelFile, error) {
	entries, err := os.ReadDir(o.Dir)
	if err != nil {
		return nil, err
	}
	type sorted struct {
		modelFile
		key string
	}
	var files []sorted
	for _, e := range entries {
		path := filepath.Join(o.Dir, e.Name())
		name := strings.TrimSuffix(e.Name(), ".gz")
		if o.Layout == podlog.LayoutDocker {
			_, number, rotated := strings.Cut(name, "-json.log.")
			n := 0
			if rotated {
				if n, err = strconv.Atoi(number); err != nil {
					return nil, err
				}
			}
			files = append(files, sorted{modelFile{path, 0}, fmt.Sprintf("%08d", 1e6-n)})
			continue
		}
		run, rest, _ := strings.Cut(name, ".log")
		n, err := strconv.Atoi(run)
		if err != nil {
			return nil, err
		}
		if rest == "" {
			rest = "~" // after every time
		}
		files = append(files, sorted{modelFile{path, uint32(n)}, fmt.Sprintf("%08d%s", n, rest)})
	}
	slices.SortFunc(files, func(a, b sorted) int { return strings.Compare(a.key, b.key) })
	out := make([]modelFile, len(files))
	for i, f := range files {
		out[i] = f.modelFile
	}
	return out, nil
}

func modelContent(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var r io.Reader = bufio.NewReader(f)
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(r); err != nil {
			return "", err
		}
	}
	content, err := io.ReadAll(r)
	return string(content), err
}

func modelPiece(f Format, text string) (podlog.Record, error) {
	var r podlog.Record
	var stream string
	if f == JSON {
		var v struct {
			Log, Stream string
			Time        time.Time
		}
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			return r, err
		}
		stream, r.Time = v.Stream, v.Time.UnixNano()
		whole := strings.TrimSuffix(v.Log, "\n")
		r.Partial = whole == v.Log
		r.Text = []byte(whole)
	} else {
		words := strings.SplitN(text, " ", 4)
		if len(words) != 4 {
			return r, errors.New("not a line of the CRI")
		}
		at, err := time.Parse(time.RFC3339Nano, words[0])
		if err != nil {
			return r, err
		}
		stream, r.Time, r.Partial, r.Text = words[1], at.UnixNano(), words[2] == "P", []byte(words[3])
	}
	r.Stream = podlog.Stdout
	if stream == "stderr" {
		r.Stream = podlog.Stderr
	}
	return r, nil
}
