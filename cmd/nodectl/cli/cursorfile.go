// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/noded/noded/journal"
)

// maxCursorFileBytes is more than any cursor has.
const maxCursorFileBytes = 4096

// cursorFileInterval is how often a follower writes its position.
const cursorFileInterval = 2 * time.Second

// readCursorFile returns the cursor in a file. A file that is missing or empty gives none.
func readCursorFile(path string) (journal.Cursor, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read cursor file: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxCursorFileBytes))
	if err != nil {
		return "", fmt.Errorf("read cursor file: %w", err)
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	cursor := journal.Cursor(bytes.TrimSpace(line))
	if cursor == "" {
		return "", nil
	}
	if _, err := cursor.Parse(); err != nil {
		return "", &hintError{err: fmt.Errorf("cursor file %s: %w", path, err), hint: "remove the file to start anew"}
	}
	return cursor, nil
}

// writeCursorFile replaces the file in one step, so that a reader sees the old cursor or the new one.
func writeCursorFile(path string, cursor journal.Cursor) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".#"+filepath.Base(path)+"*")
	if err != nil {
		return fmt.Errorf("write cursor file: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
			err = fmt.Errorf("write cursor file: %w", err)
		}
	}()
	_, err = f.WriteString(string(cursor) + "\n")
	if err == nil {
		err = f.Chmod(0o644)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}
