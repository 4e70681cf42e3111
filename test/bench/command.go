// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// pipeBytes is the size of the pipe that takes a command's output, the largest that the kernel allows without asking.
const pipeBytes = 1 << 20

// command is one to be measured. Its output goes into a pipe that this program reads.
type command []string

// String returns the command as one would type it.
func (c command) String() string { return strings.Join(c, " ") }

// start starts the command and returns the end of its pipe from which its output comes.
func (c command) start(ctx context.Context) (*exec.Cmd, *os.File, *bytes.Buffer, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, err
	}
	defer w.Close()
	if _, err := unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, pipeBytes); err != nil {
		return nil, nil, nil, errors.Join(fmt.Errorf("set the size of a pipe: %w", err), r.Close())
	}
	cmd := exec.CommandContext(ctx, c[0], c[1:]...)
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C.UTF-8", "SYSTEMD_COLORS=0", "NO_COLOR=1")
	stderr := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = w, stderr
	if err := cmd.Start(); err != nil {
		return nil, nil, nil, errors.Join(err, r.Close())
	}
	return cmd, r, stderr, nil
}

// wait waits for the end of the command. That nothing matched is no error.
func (c command) wait(cmd *exec.Cmd, stderr *bytes.Buffer) error {
	err := cmd.Wait()
	if cmd.ProcessState.ExitCode() == 1 && stderr.Len() == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", c, err, stderr.Bytes())
	}
	return nil
}

// read runs the command and hands its output to a writer.
func (c command) read(ctx context.Context, to io.Writer) error {
	cmd, out, stderr, err := c.start(ctx)
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = io.CopyBuffer(to, struct{ io.Reader }{out}, make([]byte, pipeBytes))
	return errors.Join(err, c.wait(cmd, stderr))
}

// time returns how long the command takes. Its output is moved from the pipe to nowhere without being copied,
// so that the reader costs next to nothing.
func (c command) time(ctx context.Context) (time.Duration, error) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	begin := time.Now()
	cmd, out, stderr, err := c.start(ctx)
	if err != nil {
		return 0, err
	}
	defer out.Close()
	err = drain(out, null)
	err = errors.Join(err, c.wait(cmd, stderr))
	return time.Since(begin), err
}

// drain moves all of a pipe to a file.
func drain(pipe, to *os.File) error {
	for {
		switch n, err := unix.Splice(int(pipe.Fd()), nil, int(to.Fd()), nil, pipeBytes, unix.SPLICE_F_MOVE); {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("read a pipe: %w", err)
		case n == 0:
			return nil
		}
	}
}
