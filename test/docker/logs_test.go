// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/podlog/jsonfile"
	"github.com/noded/noded/test/docker"
)

const testTimeout = 10 * time.Minute

// oneFile is the case of rotation with max-file left at 1. Then Docker keeps the file before the live one too, and does not read it.
const oneFile = "one file"

// logCases are containers whose logs are read in every way.
func logCases() map[string]docker.Container {
	rotated := map[string]string{"max-size": "64k", "max-file": "5", "compress": "true"}
	return map[string]docker.Container{
		"streams":     {Args: []string{"out:one", "err:two", "out:three", "mixed:100", "out:", "exit:3"}},
		"unfinished":  {Args: []string{"lines:3", "raw:no newline at the end"}},
		"nothing":     {Args: []string{"exit:0"}},
		"empty lines": {Args: []string{"raw:\n\n\n"}},
		// Docker splits lines at 16 KiB.
		"long lines":            {Args: []string{"long:16383", "long:16384", "long:16385", "long:40000", "out:after"}},
		"unfinished long line":  {Args: []string{"raw:" + strings.Repeat("x", 20_000)}},
		"escapes":               {Args: []string{"out:\x1b[1mbold\x1b[0m \"quoted\" \\ \t <&> \u2028 grüße 😀", "out:invalid \xff\xc3( end", "raw:a\rb\n"}},
		"rotated":               {Args: []string{"lines:5000"}, LogOptions: map[string]string{"max-size": "64k", "max-file": "3"}},
		"rotated and packed":    {Args: []string{"mixed:5000", "long:40000", "raw:end"}, LogOptions: rotated},
		"long lines and packed": {Args: slices.Repeat([]string{"long:30000", "err:between"}, 20), LogOptions: rotated},
		oneFile:                 {Args: []string{"lines:5000"}, LogOptions: map[string]string{"max-size": "64k"}},
		"attributes": {
			Args: []string{"lines:10"}, Labels: map[string]string{"team": "a \"b\""}, LogOptions: map[string]string{"labels": "team", "tag": "{{.Name}}"},
		},
		"restarts": {Args: []string{"lines:3", "exit:1"}, Restarts: 2},
	}
}

// TestLogs runs containers and compares their files with what "docker logs" prints.
func TestLogs(t *testing.T) {
	t.Parallel()
	d := docker.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	for name, c := range logCases() {
		t.Run(name, func(t *testing.T) {
			c.Name = strings.ReplaceAll(name, " ", "-")
			id, err := d.Run(ctx, c)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Wait(ctx, id); err != nil {
				t.Fatal(err)
			}
			awaitPacked(ctx, t, filepath.Join(d.LogRoot(), id), c)
			want, err := d.Logs(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			got, files := readFiles(t, filepath.Join(d.LogRoot(), id), id)
			if name == oneFile {
				want = withBefore(t, want, got)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("messages of %q (-docker logs +files):\n%.4000s", files, diff)
			}
			checkReads(ctx, t, d, id, got)
			t.Logf("%d messages in %q", len(got), files)
			if packed := slices.ContainsFunc(files, func(f string) bool { return strings.HasSuffix(f, ".gz") }); packed != (c.LogOptions["compress"] != "") {
				t.Errorf("compressed files: %v, in %q", packed, files)
			}
			if (len(files) > 1) != (c.LogOptions["max-size"] != "") {
				t.Errorf("files: %q", files)
			}
		})
	}
}

// awaitPacked waits until Docker has compressed what it rotated, which it does on the side.
func awaitPacked(ctx context.Context, t *testing.T, dir string, c docker.Container) {
	t.Helper()
	for c.LogOptions["compress"] != "" {
		plain, err := filepath.Glob(filepath.Join(dir, "*-json.log.*[0-9]"))
		if err != nil {
			t.Fatal(err)
		}
		if len(plain) == 0 {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("not compressed: %q", plain)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// withBefore returns got if want is the end of it.
func withBefore(t *testing.T, want, got []docker.Message) []docker.Message {
	t.Helper()
	if n := len(got) - len(want); n > 0 && len(want) > 0 && cmp.Equal(want, got[n:]) {
		return got
	}
	t.Errorf("what docker logs prints is not the end of the files")
	return want
}

// readFiles reads the log of a container out of its directory, oldest file first.
func readFiles(t *testing.T, dir, id string) (messages []docker.Message, files []string) {
	t.Helper()
	live := filepath.Join(dir, id+"-json.log")
	for n := 1; ; n++ {
		rotated := live + "." + strconv.Itoa(n)
		packed, err := exists(rotated + ".gz")
		if err != nil {
			t.Fatal(err)
		}
		plain, err := exists(rotated)
		switch {
		case err != nil:
			t.Fatal(err)
		case packed:
			files = append(files, rotated+".gz")
			continue
		case plain:
			files = append(files, rotated)
			continue
		}
		break
	}
	slices.Reverse(files)
	files = append(files, live)
	for _, file := range files {
		messages = append(messages, readFile(t, file)...)
	}
	for i := range files {
		files[i] = strings.TrimPrefix(filepath.Base(files[i]), id)
	}
	return messages, files
}

func exists(file string) (bool, error) {
	_, err := os.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// readFile reads one file of a log.
func readFile(t *testing.T, file string) (messages []docker.Message) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(file, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	var line jsonfile.Line
	var scratch []byte
	last := int64(0)
	for lines.Scan() {
		if scratch, err = jsonfile.Parse(lines.Bytes(), scratch, &line); err != nil {
			t.Fatalf("%v: %q", err, lines.Text())
		}
		text := string(line.Text)
		if !line.Partial {
			text += "\n"
		}
		messages = append(messages, docker.Message{Stream: line.Stream, Text: text})
		if now := time.Now().UnixNano(); line.Time < now-int64(testTimeout) || line.Time > now || line.Zone != 0 {
			t.Errorf("time %d, zone %d", line.Time, line.Zone)
		}
		last = max(last, line.Time)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(fmt.Errorf("read %s: %w", file, err))
	}
	return messages
}
