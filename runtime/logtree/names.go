// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package logtree

import (
	"strconv"
	"strings"
)

const (
	// maxLabel and maxSubdomain are the lengths of names in Kubernetes, which are those of RFC 1123.
	maxLabel     = 63
	maxSubdomain = 253
	// maxUID is far more than a UUID or a hash has.
	maxUID = 128
)

// parsePod reads NAMESPACE_NAME_UID. Neither of the three can have an underscore.
func parsePod(dir string) (Pod, bool) {
	namespace, rest, _ := strings.Cut(dir, "_")
	name, uid, _ := strings.Cut(rest, "_")
	if !isLabel(namespace) || !isSubdomain(name) || !isUID(uid) {
		return Pod{}, false
	}
	return Pod{Namespace: namespace, Name: name, UID: uid, Dir: dir}, true
}

// parseRun reads N.log, and N.log.ANYTHING for rotations. A file that the kubelet has begun to compress is not one.
func parseRun(name string) (uint32, bool) {
	number, rest, ok := strings.Cut(name, ".log")
	if !ok || number == "" || number[0] == '0' && len(number) > 1 || number[0] == '+' {
		return 0, false
	}
	if rest != "" && (rest[0] != '.' || len(rest) == 1 || strings.HasSuffix(rest, ".tmp")) {
		return 0, false
	}
	run, err := strconv.ParseUint(number, 10, 32)
	return uint32(run), err == nil
}

// isLabel reports whether s is a DNS-1123 label.
func isLabel(s string) bool {
	if s == "" || len(s) > maxLabel {
		return false
	}
	for i := range len(s) {
		if !alphanumeric(s[i]) && (s[i] != '-' || i == 0 || i == len(s)-1) {
			return false
		}
	}
	return true
}

// isSubdomain reports whether s is a DNS-1123 subdomain: labels, of any length in Kubernetes, joined by dots.
func isSubdomain(s string) bool {
	if s == "" || len(s) > maxSubdomain {
		return false
	}
	for i := range len(s) {
		switch {
		case alphanumeric(s[i]):
		case s[i] != '-' && s[i] != '.', i == 0, i == len(s)-1:
			return false
		case s[i] == '.' && !alphanumeric(s[i+1]), s[i] == '-' && s[i+1] == '.':
			return false
		}
	}
	return true
}

// isUID reports whether s can be the UID of a pod: usually a UUID or a hash, but whoever writes the manifest of a static pod can
// choose it.
func isUID(s string) bool {
	if s == "" || len(s) > maxUID {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !alphanumeric(c) && (c < 'A' || c > 'Z') && (c != '-' && c != '.' || i == 0) {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }
