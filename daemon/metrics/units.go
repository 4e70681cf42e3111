// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"path"
	"strings"

	"github.com/noded/noded/runtime/stats"
)

// unitFilter chooses the units that have series: those whose names match one of the patterns, without any all but transient ones.
type unitFilter []string

// serves reports whether something has series. All that is no unit does.
func (f unitFilter) serves(e *stats.Entity) bool {
	if e == nil || e.Key.Kind != stats.KindUnit {
		return true
	}
	if len(f) == 0 {
		return !isTransient(e.Name)
	}
	for _, pattern := range f {
		// The configuration has been read: the pattern is one.
		if ok, err := path.Match(pattern, e.Name); ok && err == nil {
			return true
		}
	}
	return false
}

// isTransient reports whether the next unit of this kind has another name, so that series would have no end: scopes, which are made of logins
// and of the processes of programs, and what systemd-run, connections and crashes make.
func isTransient(unit string) bool {
	if strings.HasSuffix(unit, ".scope") {
		return unit != "init.scope"
	}
	if strings.HasPrefix(unit, "run-") && (strings.HasSuffix(unit, ".service") || strings.HasSuffix(unit, ".socket")) {
		return true
	}
	// An instance of a socket with Accept=yes is called NUMBER-ADDRESS:PORT-ADDRESS:PORT or NUMBER-PID-UID, a crash NUMBER-PID-UID.
	_, instance, ok := strings.Cut(strings.TrimSuffix(unit, ".service"), "@")
	if !ok {
		return false
	}
	number, rest, ok := strings.Cut(instance, "-")
	return ok && isNumber(number) && strings.Contains(rest, "-")
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
