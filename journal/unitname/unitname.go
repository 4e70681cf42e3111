// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package unitname completes names of systemd units.
//
//	name, err := unitname.Mangle("kubelet", true) // kubelet.service
package unitname

import (
	"strings"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/glob"
)

const (
	// maxBytes is the length of the longest unit name.
	maxBytes = 255
	hexLower = "0123456789abcdef"
	// alphabet is what unit names are made of, beside letters and digits; @ separates the instance.
	alphabet     = ":-_.\\"
	alphabetAt   = alphabet + "@"
	alphabetGlob = alphabetAt + "[]!-*?"
)

// Mangle makes a unit name of what a person typed, as systemctl and journalctl do: .service is added
// where a suffix is missing, /dev/sda becomes dev-sda.device, another absolute path a mount
// unit, and characters that a unit name cannot have are escaped. With patterns shell patterns are kept. Paths whose
// unit name would be too long are refused; systemd names them by a hash. The error is a *journal.QueryError.
func Mangle(name string, patterns bool) (string, error) {
	if name == "" {
		return "", &journal.QueryError{Field: "unit", Reason: "the name is empty"}
	}
	if Valid(name) || patterns && glob.IsPattern(name) && consistsOf(name, alphabetGlob) {
		return name, nil
	}
	if name[0] == '/' {
		if unit, ok := fromPath(name); ok {
			return unit, nil
		}
	}
	set := alphabetAt
	if patterns {
		set = alphabetGlob
	}
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case c == '/':
			b.WriteByte('-')
		case inSet(c, set):
			b.WriteByte(c)
		default:
			writeEscape(&b, c)
		}
	}
	unit := b.String()
	pattern := patterns && glob.IsPattern(unit)
	if !pattern && !Valid(unit) {
		unit += ".service"
	}
	if !patterns && !Valid(unit) {
		return "", &journal.QueryError{Field: "unit", Value: name, Reason: "not a name of a unit, and cannot be made one"}
	}
	return unit, nil
}

// Valid reports whether the name is a complete name of a unit, of an instance or of a template.
func Valid(name string) bool {
	if len(name) > maxBytes || !hasSuffix(name) {
		return false
	}
	prefix := name[:strings.LastIndexByte(name, '.')]
	return prefix != "" && prefix[0] != '@' && consistsOf(prefix, alphabetAt)
}

// hasSuffix reports whether the name ends in a type of unit.
func hasSuffix(name string) bool {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return false
	}
	switch name[i+1:] {
	case "service", "mount", "swap", "socket", "target", "device", "automount", "timer", "path", "slice", "scope":
		return true
	default:
		return false
	}
}

// fromPath returns the device or mount unit of an absolute path.
func fromPath(path string) (string, bool) {
	suffix := ".mount"
	var parts []string
	for part := range strings.SplitSeq(path, "/") {
		switch part {
		case "", ".":
		case "..":
			return "", false
		default:
			parts = append(parts, part)
		}
	}
	if len(parts) > 1 && (parts[0] == "dev" || parts[0] == "sys") {
		suffix = ".device"
	}
	if len(parts) == 0 {
		return "-" + suffix, true
	}
	clean := strings.Join(parts, "/")
	var b strings.Builder
	for i := range len(clean) {
		switch c := clean[i]; {
		case c == '/':
			b.WriteByte('-')
		case c == '-' || c == '\\' || c == '.' && i == 0 || !inSet(c, alphabet):
			writeEscape(&b, c)
		default:
			b.WriteByte(c)
		}
	}
	unit := b.String() + suffix
	return unit, Valid(unit)
}

// writeEscape writes the byte as systemd escapes it.
func writeEscape(b *strings.Builder, c byte) {
	b.WriteString("\\x")
	b.WriteByte(hexLower[c>>4])
	b.WriteByte(hexLower[c&15])
}

func consistsOf(s, set string) bool {
	for i := range len(s) {
		if !inSet(s[i], set) {
			return false
		}
	}
	return true
}

// inSet reports whether c is a letter, a digit or in set.
func inSet(c byte, set string) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(set, c) >= 0
}
