// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// pipeBytes is the most that a user may give a pipe by default.
const pipeBytes = 1 << 20

// widenPipe gives the pipe that w is more room, so that whoever reads it and nodectl wait less for one another. It does
// nothing if w is no pipe, or if it may not.
func widenPipe(w io.Writer) {
	f, ok := w.(*os.File)
	if !ok {
		return
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Control(func(fd uintptr) {
		if size, err := unix.FcntlInt(fd, unix.F_GETPIPE_SZ, 0); err == nil && size < pipeBytes {
			_, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeBytes) // without it the pipe works as well
		}
	})
}
