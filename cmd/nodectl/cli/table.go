// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"strings"

	"github.com/mattn/go-runewidth"
)

// tableStyle says how a table looks.
type tableStyle struct {
	// rightFirst aligns the first column to the right.
	rightFirst bool
	// separator stands between columns.
	separator string
}

// cellsOf are the cells of a header, which may be nil, and of rows. A tabulator would move the columns after it.
func cellsOf(header []string, rows [][]string) [][]string {
	var all [][]string
	if header != nil {
		all = append(all, header)
	}
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = strings.ReplaceAll(cell, "\t", `\t`)
		}
		all = append(all, cells)
	}
	return all
}

// writeTable writes rows beneath a header, which may be nil, with columns as wide as their widest cell. The
// last column is not padded.
func writeTable(w io.Writer, style tableStyle, header []string, rows [][]string) error {
	all := cellsOf(header, rows)
	var widths []int
	for _, row := range all {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], runewidth.StringWidth(cell))
		}
	}
	var b strings.Builder
	for _, row := range all {
		for i, cell := range row {
			padding := strings.Repeat(" ", widths[i]-runewidth.StringWidth(cell))
			switch {
			case i == 0 && style.rightFirst:
				cell = padding + cell
			case i < len(row)-1:
				cell += padding
			}
			if i > 0 {
				b.WriteString(style.separator)
			}
			b.WriteString(cell)
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}
