// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/mattn/go-runewidth"

	"github.com/noded/noded/runtime/stats/metric"
)

// unknownText is printed for what is not known, as kubectl does.
const unknownText = "<unknown>"

// amount is a number that may be unknown. The zero value is.
type amount struct {
	value uint64
	known bool
}

// amountOf returns a number that is known.
func amountOf(v uint64) amount { return amount{v, true} }

// roundedAmount returns a number of which the fraction does not matter.
func roundedAmount(v float64) amount {
	if math.IsNaN(v) || v < 0 || v >= math.MaxInt64 {
		return amount{}
	}
	return amountOf(uint64(math.Round(v)))
}

// number returns a number of a set.
func number(s *metric.Set, id metric.ID) amount {
	v, ok := s.Get(id)
	return amount{v, ok}
}

// cores returns a rate of CPU time in thousand-millionths of a core.
func cores(r *metric.Rates, id metric.ID) amount {
	v, ok := r.Get(id)
	if !ok {
		return amount{}
	}
	return roundedAmount(v * 1e9)
}

// perSecond returns a rate of something else.
func perSecond(r *metric.Rates, id metric.ID) amount {
	v, ok := r.Get(id)
	if !ok {
		return amount{}
	}
	return roundedAmount(v)
}

// plus adds what is known; a sum of nothing that is known is unknown.
func (a amount) plus(b amount) amount { return amount{a.value + b.value, a.known || b.known} }

// text writes a number with a function for those that are known.
func (a amount) text(known func(uint64) string) string {
	if !a.known {
		return unknownText
	}
	return known(a.value)
}

// millis are thousandths of what a counts thousand-millionths of, rounded up as a Quantity of Kubernetes is.
func (a amount) millis() uint64 { return (a.value + 999_999) / 1_000_000 }

// millicores writes thousand-millionths of a core: 166m.
func (a amount) millicores() string {
	return a.text(func(uint64) string { return fmt.Sprintf("%dm", a.millis()) })
}

// mebibytes writes bytes, truncated: 200Mi.
func (a amount) mebibytes() string {
	return a.text(func(v uint64) string { return fmt.Sprintf("%dMi", v>>20) })
}

// count writes a number as it is.
func (a amount) count() string {
	return a.text(func(v uint64) string { return fmt.Sprint(v) })
}

// size writes bytes in the unit in which they are short: 512, 1.5Ki, 23Mi.
func (a amount) size() string { return a.text(sizeText) }

// flow writes bytes a second: 1.5Ki/s.
func (a amount) flow() string {
	return a.text(func(v uint64) string { return sizeText(v) + "/s" })
}

func sizeText(v uint64) string {
	const units = "KMGTPE"
	if v < 1024 {
		return fmt.Sprint(v)
	}
	scaled, at := float64(v)/1024, 0
	for scaled >= 1023.5 && at < len(units)-1 {
		scaled /= 1024
		at++
	}
	if scaled < 9.95 {
		return fmt.Sprintf("%.1f%ci", scaled, units[at])
	}
	return fmt.Sprintf("%.0f%ci", scaled, units[at])
}

// percentOf writes how many hundredths of whole part is, truncated. Both are in the same unit.
func percentOf(part, whole amount) string {
	if !part.known || !whole.known {
		return unknownText
	}
	return fmt.Sprintf("%d%%", percent(part.value, whole.value))
}

// percent is int64(part/whole*100) in the floating point of kubectl; 0 if whole is.
func percent(part, whole uint64) int64 {
	if whole == 0 {
		return 0
	}
	return int64(float64(part) / float64(whole) * 100)
}

// cpuPercent is of thousand-millionths of a core and thousandths of a core.
func cpuPercent(used amount, capacity amount) string {
	return percentOf(amount{used.millis(), used.known}, capacity)
}

// bytesPercent is of bytes, which Kubernetes compares by their thousandths as long as they fit.
func bytesPercent(used, capacity amount) string {
	if max(used.value, capacity.value) > math.MaxUint64/1000 {
		return percentOf(used, capacity)
	}
	return percentOf(amount{used.value * 1000, used.known}, amount{capacity.value * 1000, capacity.known})
}

// writeColumns writes rows beneath a header, which may be nil, as kubectl does: each column is three wider than its widest cell, the last one
// too, and at least six wide.
func writeColumns(w io.Writer, header []string, rows [][]string) error {
	const gap, least = 3, 6
	all := cellsOf(header, rows)
	var widths []int
	for _, row := range all {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, least)
			}
			widths[i] = max(widths[i], runewidth.StringWidth(cell)+gap)
		}
	}
	var b strings.Builder
	for _, row := range all {
		for i, cell := range row {
			b.WriteString(cell)
			b.WriteString(strings.Repeat(" ", widths[i]-runewidth.StringWidth(cell)))
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}
