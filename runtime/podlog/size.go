// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/noded/noded/runtime/safefs"
)

// LogBytes returns the sizes of the log files of a container together, of all its runs, rotated ones and those that are being compressed
// too. Layout and dir are those of a Target. A link counts nothing, and a file with several names once. Without a directory it is 0. If
// there are too many files, what was counted is returned with an error.
func (l *Logs) LogBytes(layout Layout, dir string) (uint64, error) {
	root := l.root(layout)
	if root == nil {
		return 0, nil
	}
	d, err := root.OpenDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("measure the logs of a container: %w", err)
	}
	defer d.Close()
	names, more, err := d.Names(maxNames)
	if err != nil {
		return 0, fmt.Errorf("measure the logs of a container: %w", err)
	}
	type identity struct{ inode, device uint64 }
	var seen map[identity]bool
	var sum uint64
	for _, name := range names {
		if !strings.Contains(name, ".log") {
			continue // Docker keeps other files there
		}
		info, err := d.Stat(name)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if safefs.Links(info) > 1 {
			inode, device := safefs.Inode(info)
			if seen[identity{inode, device}] {
				continue
			}
			if seen == nil {
				seen = map[identity]bool{}
			}
			seen[identity{inode, device}] = true
		}
		sum += uint64(max(info.Size(), 0))
	}
	if more {
		return sum, fmt.Errorf("measure the logs of a container: more than %d names in one log directory", maxNames)
	}
	return sum, nil
}
