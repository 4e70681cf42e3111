// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// fixtureVersion names the content of the fixtures; raise it with every change of it.
const fixtureVersion = 2

// remotePaths are where distributions put the program that writes journal files as journald does.
var remotePaths = [...]string{"/lib/systemd/systemd-journal-remote", "/usr/lib/systemd/systemd-journal-remote"}

// makeOnce calls build for a directory below data, unless it is there from last time, and returns it.
func makeOnce(data, name string, progress io.Writer, build func(dir string) error) (string, error) {
	dir := filepath.Join(data, fmt.Sprintf("%s-v%d", name, fixtureVersion))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	fmt.Fprintf(progress, "making %s; it is kept for the next time ...\n", dir)
	partial := dir + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return "", err
	}
	if err := os.MkdirAll(partial, 0o755); err != nil {
		return "", err
	}
	if err := build(partial); err != nil {
		return "", err
	}
	return dir, os.Rename(partial, dir)
}

// dayFixture makes the journal of one day and returns its directory. The files are rotated by systemd-journal-remote by the rules of
// journald: 2,000,000 entries become 12 of them, all in one sequence.
func dayFixture(ctx context.Context, data string, entries int, progress io.Writer) (string, error) {
	return makeOnce(data, fmt.Sprintf("day-%d", entries), progress, func(dir string) error {
		d := newDay(entries)
		err := writeJournal(ctx, filepath.Join(dir, "system.journal"), func(w io.Writer) error {
			for i := range entries {
				if _, err := w.Write(d.entry(i)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		return sparseAll(dir)
	})
}

// writeJournal makes a journal file of the entries that write writes in the Journal Export Format.
func writeJournal(ctx context.Context, file string, write func(io.Writer) error) error {
	program := ""
	for _, p := range remotePaths {
		if _, err := os.Stat(p); err == nil {
			program = p
		}
	}
	if program == "" {
		return errors.New("systemd-journal-remote not found; run make deps")
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "--output="+file, "-")
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	w := bufio.NewWriterSize(in, 1<<20)
	err = write(w)
	err = errors.Join(err, w.Flush(), in.Close(), cmd.Wait())
	if err != nil {
		return fmt.Errorf("systemd-journal-remote: %w\n%s", err, stderr.Bytes())
	}
	return nil
}

// sparseAll gives back the space of a directory's files that has nothing in it, and lets everybody read them.
func sparseAll(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.journal"))
	if err != nil {
		return err
	}
	for _, path := range files {
		if err := sparse(path); err != nil {
			return fmt.Errorf("make %s sparse: %w", path, err)
		}
	}
	return nil
}

// sparse punches holes where the file has only zeros.
func sparse(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	const chunk = 64 << 10
	buf, zero := make([]byte, chunk), make([]byte, chunk)
	for at := int64(0); ; at += chunk {
		n, err := io.ReadFull(io.NewSectionReader(f, at, chunk), buf)
		if n > 0 && bytes.Equal(buf[:n], zero[:n]) {
			if err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, at, int64(n)); err != nil {
				return err
			}
		}
		if err != nil {
			break
		}
	}
	return f.Chmod(0o644)
}
