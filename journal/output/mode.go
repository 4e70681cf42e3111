// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"slices"
	"strings"

	"github.com/noded/noded/journal"
)

// Mode is how an entry is printed: the values of journalctl --output.
type Mode uint8

// The modes. The zero value is the default.
const (
	Short Mode = iota
	ShortFull
	ShortISO
	ShortISOPrecise
	ShortPrecise
	ShortMonotonic
	ShortDelta
	ShortUnix
	Verbose
	Export
	JSON
	JSONPretty
	JSONSSE
	JSONSeq
	Cat
	WithUnit
)

// modeNames has the name of each mode at its index; read-only.
var modeNames = [...]string{
	Short:           "short",
	ShortFull:       "short-full",
	ShortISO:        "short-iso",
	ShortISOPrecise: "short-iso-precise",
	ShortPrecise:    "short-precise",
	ShortMonotonic:  "short-monotonic",
	ShortDelta:      "short-delta",
	ShortUnix:       "short-unix",
	Verbose:         "verbose",
	Export:          "export",
	JSON:            "json",
	JSONPretty:      "json-pretty",
	JSONSSE:         "json-sse",
	JSONSeq:         "json-seq",
	Cat:             "cat",
	WithUnit:        "with-unit",
}

// Modes returns the names of all modes, the default first.
func Modes() []string { return slices.Clone(modeNames[:]) }

// ParseMode returns the mode of that name. The error is a *journal.QueryError
// that lists the names.
func ParseMode(name string) (Mode, error) {
	if i := slices.Index(modeNames[:], name); i >= 0 {
		return Mode(i), nil
	}
	return Short, &journal.QueryError{
		Field:  "output",
		Value:  name,
		Reason: "unknown output mode; use one of " + strings.Join(modeNames[:], ", "),
	}
}

// String returns the name of the mode.
func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return "unknown"
}

// Machine reports whether the mode is made for programs: export, the JSON modes and cat.
// journalctl prints no separators and no notes among their records (it implies --quiet).
func (m Mode) Machine() bool {
	switch m {
	case Export, JSON, JSONPretty, JSONSSE, JSONSeq, Cat:
		return true
	default:
		return false
	}
}

// json reports whether the mode prints JSON objects.
func (m Mode) json() bool {
	switch m {
	case JSON, JSONPretty, JSONSSE, JSONSeq:
		return true
	default:
		return false
	}
}
