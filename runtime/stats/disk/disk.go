// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Kind is what a block device is.
type Kind uint8

// The kinds.
const (
	// Disk stores by itself, or where this machine does not see. So does what is not known.
	Disk Kind = iota
	// Stacked is made of other block devices or of a file: dm, md, loop. None is made of it.
	Stacked
	// Uncounted is memory (ram, zram), a path of a disk that has several, or between disks and what is Stacked.
	Uncounted
)

// Number is the number of a device.
type Number struct{ Major, Minor uint32 }

// ParseNumber parses MAJOR:MINOR.
func ParseNumber(s []byte) (Number, bool) {
	major, minor, ok := bytes.Cut(s, []byte{':'})
	if !ok {
		return Number{}, false
	}
	a, okMajor := parseUint32(major)
	b, okMinor := parseUint32(minor)
	if !okMajor || !okMinor {
		return Number{}, false
	}
	return Number{a, b}, true
}

// parseUint32 allocates nothing, because this is done for each line of each cgroup.
func parseUint32(s []byte) (uint32, bool) {
	const digits = 9 // major numbers have 12 bits, minor ones 20
	if len(s) == 0 || len(s) > digits {
		return 0, false
	}
	var v uint32
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + uint32(c-'0')
	}
	return v, true
}

// Devices are the block devices of a machine. It does not change, and is safe for concurrent use. Of a nil one nothing is known.
type Devices struct {
	disks map[string]bool
	kinds map[Number]Kind // but those of kind Disk
}

// Kind returns what a device is.
func (d *Devices) Kind(n Number) Kind {
	if d == nil {
		return Disk
	}
	return d.kinds[n]
}

// Disks returns the names of the devices of kind Disk, as /proc/diskstats has them. It must not be changed.
func (d *Devices) Disks() map[string]bool {
	if d == nil {
		return nil
	}
	return d.disks
}

// Find looks at the devices of a machine whose sysfs is mounted at sys. One that goes meanwhile may be taken for a disk.
func Find(sys string) (*Devices, error) {
	entries, err := os.ReadDir(filepath.Join(sys, "block"))
	if err != nil {
		return nil, err
	}
	d := &Devices{disks: map[string]bool{}, kinds: map[Number]Kind{}}
	for _, entry := range entries {
		name := entry.Name()
		dir := filepath.Join(sys, "block", name)
		kind := kindOf(name, dir)
		if kind == Disk {
			// In /proc/diskstats a slash of the name is one: cciss/c0d0.
			d.disks[strings.ReplaceAll(name, "!", "/")] = true
			continue
		}
		if text, err := os.ReadFile(filepath.Join(dir, "dev")); err == nil {
			if n, ok := ParseNumber(bytes.TrimSpace(text)); ok {
				d.kinds[n] = kind
			}
		}
	}
	return d, nil
}

func kindOf(name, dir string) Kind {
	if strings.HasPrefix(name, "ram") || strings.HasPrefix(name, "zram") {
		return Uncounted
	}
	// Paths of a disk with several of them are hidden.
	if hidden, err := os.ReadFile(filepath.Join(dir, "hidden")); err == nil && strings.TrimSpace(string(hidden)) != "0" {
		return Uncounted
	}
	if !strings.HasPrefix(name, "loop") && empty(filepath.Join(dir, "slaves")) {
		return Disk
	}
	if !empty(filepath.Join(dir, "holders")) {
		return Uncounted
	}
	// Something may be made of one of its partitions: loop0p1.
	for i := 1; i <= maxPartitions; i++ {
		partition := name
		if c := name[len(name)-1]; c >= '0' && c <= '9' {
			partition += "p"
		}
		holders := filepath.Join(dir, partition+strconv.Itoa(i), "holders")
		if _, err := os.Stat(holders); err != nil {
			break
		}
		if !empty(holders) {
			return Uncounted
		}
	}
	return Stacked
}

// maxPartitions is how many partitions of a stacked device are looked at.
const maxPartitions = 16

// empty reports whether there is nothing in a directory, or none.
func empty(dir string) bool {
	f, err := os.Open(dir)
	if err != nil {
		return true
	}
	defer f.Close()
	names, _ := f.Readdirnames(1)
	return len(names) == 0
}
