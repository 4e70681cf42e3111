// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/proto/wire"
)

// Host is what is known about the machine. Everything but the name can be missing.
type Host struct {
	Name            string
	MachineID       journal.ID128
	BootID          journal.ID128
	KernelRelease   string
	Architecture    string
	OperatingSystem string
}

// ReadHost reads the identity of the machine whose root directory is root: "/" for this one. An empty name
// is replaced by the host name in lower case.
func ReadHost(root, name string) Host {
	h := Host{
		Name:            name,
		MachineID:       readID(root, "etc/machine-id"),
		BootID:          readBootID(root),
		KernelRelease:   readLine(root, "proc/sys/kernel/osrelease"),
		Architecture:    runtime.GOARCH,
		OperatingSystem: prettyName(root),
	}
	if h.Name == "" {
		h.Name = strings.ToLower(readLine(root, "proc/sys/kernel/hostname"))
	}
	if h.Name == "" {
		h.Name = "localhost"
	}
	return h
}

// readBootID prefers what noded.service had systemd read: inside the sandbox /proc is a new mount, which in a container has
// the boot id of the machine around it.
func readBootID(root string) journal.ID128 {
	if id := readID(root, "run/credentials/noded.service/boot_id"); !id.IsZero() {
		return id
	}
	return readID(root, "proc/sys/kernel/random/boot_id")
}

func readLine(root, name string) string {
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return strings.TrimSpace(wire.Text(string(line)))
}

func readID(root, name string) journal.ID128 {
	id, err := journal.ParseID128(readLine(root, name))
	if err != nil {
		return journal.ID128{}
	}
	return id
}

// prettyName reads PRETTY_NAME of os-release(5).
func prettyName(root string) string {
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(bytes.NewReader(data))
		for lines.Scan() {
			if value, ok := strings.CutPrefix(lines.Text(), "PRETTY_NAME="); ok {
				return wire.Text(unquote(value))
			}
		}
	}
	return ""
}

func unquote(s string) string {
	if u, err := strconv.Unquote(s); err == nil {
		return u
	}
	return strings.Trim(s, `'"`)
}

// now is the wall clock when config has none.
func now(clock func() time.Time) time.Time {
	if clock == nil {
		return time.Now()
	}
	return clock()
}
