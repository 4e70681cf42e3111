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
	"syscall"
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
		return "", checkCursorDirectory(path)
	}
	if err != nil {
		return "", cursorFileError("read", path, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxCursorFileBytes))
	if err != nil {
		return "", cursorFileError("read", path, err)
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

// checkCursorDirectory says before anything is read that a file that is missing cannot be made.
func checkCursorDirectory(path string) error {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	if errors.Is(err, fs.ErrNotExist) {
		return &hintError{err: fmt.Errorf("write cursor file %s: %w", path, plainError(err)), hint: "mkdir -p " + dir}
	}
	if err != nil {
		return cursorFileError("write", path, err)
	}
	return nil
}

// cursorFileError names the file that the user named, whatever file the error is about.
func cursorFileError(what, path string, err error) error {
	return &hintError{err: fmt.Errorf("%s cursor file %s: %w", what, path, plainError(err)), hint: "--cursor-file with a file that you may write"}
}

// plainError takes the path out of an error of package os.
func plainError(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}

// writeCursorFile replaces the file in one step, so that a reader sees the old cursor or the new one.
func writeCursorFile(path string, cursor journal.Cursor) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".#"+filepath.Base(path)+"*")
	if err != nil {
		return cursorFileError("write", path, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
			err = cursorFileError("write", path, err)
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
