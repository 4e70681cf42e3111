// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/noded/noded/journal"
)

// termsForDevice returns what selects the kernel's messages about a device and those above it, in the
// running boot, because device numbers mean nothing in another one. sysfs is where /sys is mounted.
func termsForDevice(info fs.FileInfo, sysfs string, boot journal.ID128) ([]journal.Term, error) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, fmt.Errorf("match device %s: %w", info.Name(), errors.ErrUnsupported)
	}
	kind, letter := "block", 'b'
	if info.Mode()&os.ModeCharDevice != 0 {
		kind, letter = "char", 'c'
	}
	number := fmt.Sprintf("%d:%d", unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev)))
	dir, err := filepath.EvalSymlinks(filepath.Join(sysfs, "dev", kind, number))
	if err != nil {
		return nil, fmt.Errorf("match device %s: %w", info.Name(), err)
	}
	terms := []journal.Term{{Field: "_KERNEL_DEVICE", Value: fmt.Sprintf("%c%s", letter, number)}}
	top := filepath.Join(sysfs, "devices")
	for ; len(dir) > len(top); dir = filepath.Dir(dir) {
		subsystem, err := os.Readlink(filepath.Join(dir, "subsystem"))
		if err != nil {
			continue
		}
		terms = append(terms, journal.Term{Field: "_KERNEL_DEVICE", Value: "+" + filepath.Base(subsystem) + ":" + filepath.Base(dir)})
	}
	if !boot.IsZero() {
		terms = append(terms, journal.Term{Field: "_BOOT_ID", Value: boot.String()})
	}
	return terms, nil
}
