// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/mattn/go-runewidth"

	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// The lines of the screen that are not rows: above them, and beneath.
const (
	headLines = 4
	footLines = 1
)

// keyHelp is the last line.
const keyHelp = "q quit  / filter  tab p o u view  sort: c m n d s a  space pause"

// liveColumn is a column of the screen.
type liveColumn struct {
	title string
	// width is fixed; 0 for a name, which is as wide as it needs.
	width int
	// cell returns what a row has there. Names are to the left, all else to the right.
	cell func(r *topRow) string
}

// draw draws everything anew; tcell sends the terminal what changed.
func (s *liveScreen) draw() {
	s.screen.Clear()
	width, height := s.screen.Size()
	plain, strong := tcell.StyleDefault, tcell.StyleDefault.Bold(true)
	s.put(0, width, s.titleLine(), strong)
	s.put(1, width, s.usageLine(), plain)
	var rows []topRow
	if s.look != nil {
		rows = s.rows()
	}
	s.put(2, width, s.statusLine(len(rows)), plain)
	s.drawRows(rows, width, height)
	s.drawFoot(width, height)
	s.screen.Show()
}

// put writes a line, cut to the width.
func (s *liveScreen) put(y, width int, text string, style tcell.Style) {
	s.screen.PutStrStyled(0, y, runewidth.Truncate(shown(text), width, ""), style)
}

// shown makes text of others safe for a cell: no control characters, no tabulators.
func shown(text string) string { return strings.ReplaceAll(visible(text), "\t", " ") }

// titleLine says which node that is.
func (s *liveScreen) titleLine() string {
	n := s.node
	line := fmt.Sprintf("%s  %s", n.Node, n.Now.Local().Format(time.TimeOnly))
	if !n.Machine.BootTime.IsZero() {
		line += "  up " + ago(max(n.Now.Sub(n.Machine.BootTime), 0))
	}
	if s.paused {
		line += "  PAUSED"
	}
	return line
}

// usageLine says what the node uses.
func (s *liveScreen) usageLine() string {
	u := &s.node.Usage
	r := rowOf(u)
	l := &topLook{machine: s.node.Machine}
	return fmt.Sprintf("CPU %s %s of %d  %s  memory %s %s  swap %s  in %s out %s  read %s write %s",
		r.cpu.millicores(), l.cpuPercent(&r), s.node.Machine.CPUs, s.spark(u.Entity.Key), r.memory.mebibytes(), l.memoryPercent(&r), r.swap.mebibytes(),
		perSecond(&u.Rates, metric.NetworkReceiveBytes).flow(), perSecond(&u.Rates, metric.NetworkTransmitBytes).flow(),
		perSecond(&u.Rates, metric.IOReadBytes).flow(), perSecond(&u.Rates, metric.IOWriteBytes).flow())
}

// statusLine says what the rows are.
func (s *liveScreen) statusLine(count int) string {
	what := plural(s.view)
	if s.view == stats.KindNode {
		what = "node"
	}
	if s.look == nil {
		return what + " ..."
	}
	order := s.sortBy
	if order == "" {
		order = "name"
	}
	line := fmt.Sprintf("%d %s by %s", len(s.look.rows), what, order)
	if s.filter != "" {
		line = fmt.Sprintf("%d of %d %s by %s, with %q", count, len(s.look.rows), what, order, s.filter)
	}
	if len(s.look.problems) > 0 {
		line += "; " + s.look.problems[0]
	}
	return line
}

// rows are those that the filter lets through, sorted.
func (s *liveScreen) rows() []topRow {
	var rows []topRow
	wanted := strings.ToLower(s.filter)
	for _, r := range s.look.rows {
		if strings.Contains(strings.ToLower(fullName(r.Entity)), wanted) {
			rows = append(rows, r)
		}
	}
	flags := s.flags.inView(s.view)
	flags.sortBy = s.sortBy
	flags.sort(rows)
	return rows
}

// drawRows draws the heading and as many rows as fit.
func (s *liveScreen) drawRows(rows []topRow, width, height int) {
	s.page = max(height-headLines-footLines, 0)
	s.first = max(min(s.first, len(rows)-s.page), 0)
	rows = rows[s.first:min(s.first+s.page, len(rows))]
	columns := s.fit(rows, width)
	heading := tcell.StyleDefault.Reverse(true)
	if height > headLines {
		s.put(headLines-1, width, strings.Repeat(" ", width), heading)
		s.drawCells(headLines-1, columns, heading, func(c *liveColumn) string { return c.title })
	}
	for i := range rows {
		style := tcell.StyleDefault
		if s.look.old(rows[i].Usage) {
			style = style.Dim(true)
		}
		s.drawCells(headLines+i, columns, style, func(c *liveColumn) string { return c.cell(&rows[i]) })
	}
}

// columnGap is between columns.
const columnGap = 2

// drawCells draws a row.
func (s *liveScreen) drawCells(y int, columns []liveColumn, style tcell.Style, cell func(c *liveColumn) string) {
	x := 0
	for i := range columns {
		c := &columns[i]
		text := runewidth.Truncate(shown(cell(c)), c.width, "~")
		at := x
		if !c.isName() {
			at += c.width - runewidth.StringWidth(text)
		}
		s.screen.PutStrStyled(at, y, text, style)
		x += c.width + columnGap
	}
}

// isName reports whether the column is of names.
func (c *liveColumn) isName() bool {
	return c.title == "NAME" || c.title == "POD" || c.title == "NAMESPACE"
}

// fit returns the columns that there is room for, with their widths: names get what they need, others come in the order of their weight while
// they fit. If not even the first of these do, names are cut.
func (s *liveScreen) fit(rows []topRow, width int) []liveColumn {
	const firstColumns = 2
	var columns []liveColumn
	used := 0
	for _, c := range s.flags.inView(s.view).nameColumns() {
		l := liveColumn{title: c.title, width: runewidth.StringWidth(c.title), cell: c.cell}
		for i := range rows {
			l.width = max(l.width, runewidth.StringWidth(shown(c.cell(&rows[i]))))
		}
		used += l.width + columnGap
		columns = append(columns, l)
	}
	names := len(columns)
	for i, c := range s.figures() {
		if i >= firstColumns && used+c.width > width {
			break
		}
		used += c.width + columnGap
		columns = append(columns, c)
	}
	for over := used - columnGap - width; over > 0; over-- {
		widest := 0
		for i := range names {
			if columns[i].width > columns[widest].width {
				widest = i
			}
		}
		if columns[widest].width <= 1 {
			break
		}
		columns[widest].width--
	}
	return columns
}

// figures are the columns that are no names, the most important one first.
func (s *liveScreen) figures() []liveColumn {
	const amounts, rate = 9, 9
	columns := []liveColumn{
		{"CPU", amounts, func(r *topRow) string { return r.cpu.millicores() }},
		{"MEMORY", amounts, func(r *topRow) string { return r.memory.mebibytes() }},
		{"CPU TREND", sparkWidth, func(r *topRow) string { return s.spark(r.Entity.Key) }},
	}
	if s.view == stats.KindContainer {
		columns = append(columns, liveColumn{"LIMIT", amounts, memoryLimit}, liveColumn{"MEM%", 6, limitPercent})
	}
	columns = append(columns, liveColumn{"TASKS", 9, tasksColumn().cell})
	if s.view == stats.KindPod || s.view == stats.KindNode {
		columns = append(columns, liveColumn{"IN/s", rate, networkCell(metric.NetworkReceiveBytes)}, liveColumn{"OUT/s", rate, networkCell(metric.NetworkTransmitBytes)})
	}
	return append(columns, liveColumn{"READ/s", rate, rateCell(metric.IOReadBytes)}, liveColumn{"WRITE/s", rate, rateCell(metric.IOWriteBytes)},
		liveColumn{"SWAP", amounts, func(r *topRow) string { return r.swap.mebibytes() }})
}

// drawFoot draws the last line: what is typed, what is wrong, or what the keys are.
func (s *liveScreen) drawFoot(width, height int) {
	if height <= 0 {
		return
	}
	s.screen.HideCursor()
	text, style := keyHelp, tcell.StyleDefault.Dim(true)
	switch {
	case s.typing:
		text, style = "filter: "+s.filter, tcell.StyleDefault
		s.screen.ShowCursor(min(runewidth.StringWidth(shown(text)), width-1), height-1)
	case s.err != nil:
		text, style = "error: "+s.err.Error(), tcell.StyleDefault.Bold(true)
	}
	s.put(height-1, width, strings.ReplaceAll(text, "\n", "; "), style)
}
