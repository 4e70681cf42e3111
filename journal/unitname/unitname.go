// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package unitname completes names of systemd units and matches them against shell patterns.
//
//	name, err := unitname.Mangle("kubelet", true)  // kubelet.service
//	ok := unitname.Match("kube*", name)            // true
package unitname

import "errors"

// Mangle makes a unit name of what a person typed, as systemctl and journalctl do: .service is added
// where a suffix is missing, /dev/sda becomes dev-sda.device, another absolute path a mount
// unit, and characters that a unit name cannot have are escaped. With glob shell patterns are kept. The error is
// a *journal.QueryError.
func Mangle(name string, glob bool) (string, error) { return "", errors.ErrUnsupported }

// IsGlob reports whether the name has a character that is special in shell patterns.
func IsGlob(name string) bool { return false }

// Match reports whether the name matches the shell pattern, by the rules of fnmatch(3) with
// FNM_NOESCAPE: * and ? match any characters, [a-z] and [!a-z] one of a set, and a backslash
// stands for itself.
func Match(pattern, name string) bool { return false }
