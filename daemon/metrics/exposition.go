// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/common/expfmt"
)

const (
	// flushBytes is how much is written at once.
	flushBytes = 64 << 10
	// maxLabelBytes is the longest value of a label; of a longer one the beginning is served.
	maxLabelBytes = 1024
)

// kind is the type of a metric.
type kind uint8

const (
	gauge kind = iota
	counter
	// untyped is for counters whose name does not end in _total, and for what is none but has such a name: OpenMetrics has neither.
	untyped
)

// exposition writes metrics in the text format of Prometheus, version 0.0.4, or in that of OpenMetrics, 1.0.0. See
// https://prometheus.io/docs/instrumenting/exposition_formats and https://prometheus.io/docs/specs/om/open_metrics_spec. It is not safe for
// concurrent use.
type exposition struct {
	out io.Writer
	// err is the first error of out; after it nothing more is written.
	err  error
	b    []byte
	open bool
	// name, help and kind are of the family that samples are of; told is whether its head has been written, which is with the first sample.
	name, help string
	kind       kind
	told       bool
}

// formatOf returns the format of an exposition.
func formatOf(open bool) expfmt.Format {
	if open {
		return expfmt.FmtOpenMetrics_1_0_0
	}
	return expfmt.FmtText
}

// family begins a family of samples. It must not have been begun before. A family without samples leaves no trace.
func (e *exposition) family(name, help string, k kind) {
	e.name, e.help, e.kind, e.told = name, help, k, false
}

func (e *exposition) head() {
	name, kinds := e.name, [...]string{gauge: "gauge", counter: "counter", untyped: "untyped"}
	if e.open {
		kinds[untyped] = "unknown"
		if e.kind == counter {
			name = strings.TrimSuffix(name, "_total")
		}
	}
	e.b = append(append(append(append(e.b, "# HELP "...), name...), ' '), e.help...)
	e.b = append(append(append(append(e.b, "\n# TYPE "...), name...), ' '), kinds[e.kind]...)
	e.b = append(e.b, '\n')
	e.told = true
}

// sample begins a sample of the family. labels and extra are both written as they are, extra behind labels; either can be empty.
func (e *exposition) sample(labels, extra string) {
	if !e.told {
		e.head()
	}
	e.b = append(e.b, e.name...)
	if labels != "" || extra != "" {
		e.b = append(append(e.b, '{'), labels...)
		if labels != "" && extra != "" {
			e.b = append(e.b, ',')
		}
		e.b = append(append(e.b, extra...), '}')
	}
	e.b = append(e.b, ' ')
}

// count ends a sample with a whole number, read at ms milliseconds after the epoch; 0 for now.
func (e *exposition) count(v uint64, ms int64) {
	e.b = strconv.AppendUint(e.b, v, 10)
	e.end(ms)
}

// seconds ends a sample with a number of nanoseconds.
func (e *exposition) seconds(ns uint64, ms int64) {
	e.b = appendDecimal(e.b, ns, 9)
	e.end(ms)
}

// float ends a sample with a number.
func (e *exposition) float(v float64, ms int64) {
	switch {
	case math.IsInf(v, 1):
		e.b = append(e.b, "+Inf"...)
	default:
		e.b = strconv.AppendFloat(e.b, v, 'g', -1, 64)
	}
	e.end(ms)
}

func (e *exposition) end(ms int64) {
	if ms > 0 {
		e.b = append(e.b, ' ')
		if e.open {
			e.b = appendDecimal(e.b, uint64(ms), 3)
		} else {
			e.b = strconv.AppendInt(e.b, ms, 10)
		}
	}
	e.b = append(e.b, '\n')
	if len(e.b) >= flushBytes {
		e.flush()
	}
}

// close ends the exposition.
func (e *exposition) close() error {
	if e.open {
		e.b = append(e.b, "# EOF\n"...)
	}
	e.flush()
	return e.err
}

func (e *exposition) flush() {
	if e.err == nil && len(e.b) > 0 {
		_, e.err = e.out.Write(e.b)
	}
	e.b = e.b[:0]
}

// Write implements io.Writer, for families that are written by somebody else.
func (e *exposition) Write(p []byte) (int, error) {
	e.b = append(e.b, p...)
	if len(e.b) >= flushBytes {
		e.flush()
	}
	return len(p), e.err
}

// appendDecimal appends v divided by 10 to the power of digits, exactly and as short as it can be.
func appendDecimal(b []byte, v uint64, digits int) []byte {
	unit := uint64(1)
	for range digits {
		unit *= 10
	}
	b = strconv.AppendUint(b, v/unit, 10)
	rest := v % unit
	if rest == 0 {
		return b
	}
	b = append(b, '.')
	for rest > 0 {
		unit /= 10
		b = append(b, byte('0'+rest/unit))
		rest %= unit
	}
	return b
}

// appendLabel appends name="value", with a comma before it if it is not the first since from.
func appendLabel(b []byte, from int, name, value string) []byte {
	if len(b) > from {
		b = append(b, ',')
	}
	b = append(append(b, name...), '=', '"')
	return append(appendEscaped(b, value), '"')
}

// appendEscaped appends the value of a label: backslash, quote and newline escaped, U+FFFD for what is not UTF-8 and for NUL, which parsers take for
// an end, and no more than maxLabelBytes of it.
func appendEscaped(b []byte, s string) []byte {
	if len(s) > maxLabelBytes {
		s = cut(s)
	}
	for len(s) > 0 {
		plain := 0
		for plain < len(s) && s[plain] < utf8.RuneSelf && s[plain] != '\\' && s[plain] != '"' && s[plain] != '\n' && s[plain] != 0 {
			plain++
		}
		b, s = append(b, s[:plain]...), s[plain:]
		if s == "" {
			break
		}
		r, size := utf8.DecodeRuneInString(s)
		switch r {
		case '\\':
			b = append(b, `\\`...)
		case '"':
			b = append(b, `\"`...)
		case '\n':
			b = append(b, `\n`...)
		case 0:
			b = utf8.AppendRune(b, utf8.RuneError)
		default:
			b = utf8.AppendRune(b, r)
		}
		s = s[size:]
	}
	return b
}

// cut returns the first maxLabelBytes of s, less what would be a part of a rune.
func cut(s string) string {
	end := maxLabelBytes
	for i := range utf8.UTFMax {
		if utf8.RuneStart(s[end-i]) {
			return s[:end-i]
		}
	}
	return s[:end]
}

// milliseconds returns t as the text format has it; 0 for the zero time and for those before the epoch.
func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return max(0, t.UnixMilli())
}
