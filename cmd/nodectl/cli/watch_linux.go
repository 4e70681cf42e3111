// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"os"

	"golang.org/x/sys/unix"
)

// watchIntervalMillis is how often the watcher looks whether it is still needed.
const watchIntervalMillis = 500

// watchOutput ends a follow when whoever reads the pipe that stdout is has gone, even if nothing is
// written. The function that it returns ends the watching.
func (g *globals) watchOutput(ctx context.Context, gone func()) func() {
	stdout, ok := g.Out.(*os.File)
	if !ok {
		return func() {}
	}
	if info, err := stdout.Stat(); err != nil || info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	fd := int32(stdout.Fd())
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			fds := []unix.PollFd{{Fd: fd}}
			n, err := unix.Poll(fds, watchIntervalMillis)
			if err == nil && n > 0 && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0 {
				gone()
				return
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
