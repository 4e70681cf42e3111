// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"time"

	"golang.org/x/sys/unix"
)

// BootTime returns the time since the boot, with what the machine slept (CLOCK_BOOTTIME). It never steps.
func BootTime() (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0, err
	}
	return time.Duration(t.Nano()), nil
}
