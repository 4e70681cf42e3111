// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"slices"
	"strconv"
	"strings"
)

// Mount is a line of /proc/PID/mountinfo; see proc_pid_mountinfo(5).
type Mount struct {
	ID, Parent uint64
	// Device is MAJOR:MINOR, the same for all mounts of a filesystem. Root is what of it is mounted, Point where: an absolute path.
	Device, Root, Point string
	// Kind is the type of the filesystem, Source what it is of, Options are those of the filesystem.
	Kind, Source, Options string
}

// ParseMount parses a line without its newline:
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
func ParseMount(line string) (m Mount, ok bool) {
	// A source can be empty, so that two blanks follow each other.
	f := strings.Split(line, " ")
	if len(f) < 6 {
		return m, false
	}
	dash := slices.Index(f[6:], "-")
	if dash < 0 || len(f[6:]) < dash+3 {
		return m, false
	}
	id, err := strconv.ParseUint(f[0], 10, 63)
	if err != nil {
		return m, false
	}
	parent, err := strconv.ParseUint(f[1], 10, 63)
	if err != nil {
		return m, false
	}
	major, minor, ok := strings.Cut(f[2], ":")
	if !ok || !isNumber(major) || !isNumber(minor) {
		return m, false
	}
	rest := f[6+dash+1:]
	m = Mount{
		ID: id, Parent: parent, Device: f[2], Root: unescape(f[3]), Point: unescape(f[4]), Kind: unescape(rest[0]), Source: unescape(rest[1]),
	}
	if len(rest) > 2 {
		m.Options = unescape(rest[2])
	}
	return m, strings.HasPrefix(m.Point, "/")
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 32)
	return err == nil
}

// unescape replaces \040 and the like, which mangle_path in fs/seq_file.c writes for blanks and backslashes.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(v))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
