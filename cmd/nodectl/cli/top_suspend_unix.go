// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package cli

import (
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// stopWait is how long a signal may take to stop the program. Where no shell could have it go on, none does.
const stopWait = time.Second

// suspendProcess stops the program until the shell has it go on.
func suspendProcess() error {
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, unix.SIGCONT)
	defer signal.Stop(continued)
	// Another thread may get it, and this one go on for a moment.
	if err := unix.Kill(unix.Getpid(), unix.SIGTSTP); err != nil {
		return err
	}
	timer := time.NewTimer(stopWait)
	defer timer.Stop()
	select {
	case <-continued:
	case <-timer.C:
	}
	return nil
}
