// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/gdamore/tcell/v2"

	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// The lines of the screen that are not rows: above them, and beneath.
const (
	headLines = 4
	footLines = 1
)

// keyHelp is the last line.
const keyHelp = "q quit  ? help  / filter  tab p o u view  sort: c m n d s a  space pause"

// keyTable explains all keys.
func keyTable() []string {
	return []string{
		"q  Ctrl-C            leave",
		"p  o  u              pods, containers, units",
		"Tab  Shift-Tab       the next view, the one before; the node is one of them",
		"c  m  n  d  s  a     sort by CPU, memory, network, disk, swap, name",
		"/                    show only names that contain what is typed",
		"Enter  Escape        keep that; show all again",
		"space                hold the screen, and go on",
		"arrows  Page Up  Page Down  Home  End    scroll",
		"Ctrl-L  Ctrl-Z       draw anew; stop, and go on with fg",
		"?                    this; any key goes back",
	}
}

// liveColumn is a column of the screen.
type liveColumn struct {
	title string
	// width is fixed; of names it is what they need.
	width int
	// cell returns what a row has there.
	cell func(r *topRow) string
	// name: it is to the left, all else to the right.
	name bool
}

// draw draws everything anew; tcell sends the terminal what changed.
func (s *liveScreen) draw() {
	s.screen.Clear()
	width, height := s.screen.Size()
	plain, strong := tcell.StyleDefault, tcell.StyleDefault.Bold(true)
	s.put(0, width, s.titleLine(), strong)
	s.put(1, width, s.usageLine(width), plain)
	var rows []topRow
	if s.look != nil {
		rows = s.rows()
	}
	s.put(2, width, s.statusLine(rows), plain)
	if s.help {
		for i, line := range keyTable() {
			s.put(headLines-1+i, width, line, plain)
		}
	} else {
		s.drawRows(rows, width, height)
	}
	s.drawFoot(width, height)
	s.screen.Show()
}

// put writes a line, cut to the width.
func (s *liveScreen) put(y, width int, text string, style tcell.Style) {
	s.screen.PutStrStyled(0, y, cellWidth().Truncate(shown(text), width, ""), style)
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

// usageLine says what the node uses: as many parts of it as there is room for, and nothing of swap where there is none.
func (s *liveScreen) usageLine(width int) string {
	u := &s.node.Usage
	r := rowOf(u)
	l := &topLook{machine: s.node.Machine}
	rate := func(id metric.ID) string { return perSecond(&u.Rates, id).flow() }
	parts := []string{
		fmt.Sprintf("CPU %s %s of %d", r.cpu.millicores(), l.cpuPercent(&r), s.node.Machine.CPUs),
		s.spark(u.Entity.Key),
		fmt.Sprintf("memory %s %s", r.memory.mebibytes(), l.memoryPercent(&r)),
	}
	if s.node.Machine.SwapBytes > 0 || r.swap.value > 0 {
		parts = append(parts, "swap "+r.swap.mebibytes())
	}
	parts = append(parts,
		fmt.Sprintf("in %s out %s", rate(metric.NetworkReceiveBytes), rate(metric.NetworkTransmitBytes)),
		fmt.Sprintf("read %s write %s", rate(metric.IOReadBytes), rate(metric.IOWriteBytes)))
	line := parts[0]
	for _, part := range parts[1:] {
		longer := line + "  " + part
		if cellWidth().StringWidth(longer) > width {
			break
		}
		line = longer
	}
	return line
}

// statusLine says what the rows are.
func (s *liveScreen) statusLine(rows []topRow) string {
	what := plural(s.view)
	if s.view == stats.KindNode {
		what = "node"
	}
	if s.look == nil {
		return what + " ..."
	}
	order := s.sortBy
	switch {
	case order != "":
	case s.view == stats.KindUnit:
		order = "path"
	default:
		order = "name"
	}
	line := fmt.Sprintf("%d %s by %s", len(s.look.rows), what, order)
	if s.filter != "" {
		line = fmt.Sprintf("%d of %d %s by %s, with %q", len(rows), len(s.look.rows), what, order, s.filter)
	}
	if s.flags.sum {
		var total topRow
		for i := range rows {
			total.add(&rows[i])
		}
		line += fmt.Sprintf("; together CPU %s, memory %s", total.cpu.millicores(), total.memory.mebibytes())
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
	columns := s.fit(width)
	heading := tcell.StyleDefault.Reverse(true)
	if height > headLines {
		s.put(headLines-1, width, strings.Repeat(" ", width), heading)
		s.drawCells(headLines-1, columns, heading, func(c *liveColumn) string { return c.title })
	}
	for i := range rows {
		style := tcell.StyleDefault
		if s.old(&rows[i]) {
			style = style.Dim(true)
		}
		s.drawCells(headLines+i, columns, style, func(c *liveColumn) string { return c.cell(&rows[i]) })
	}
}

// columnGap is between columns.
const columnGap = 2

// drawCells draws a row.
func (s *liveScreen) drawCells(y int, columns []liveColumn, style tcell.Style, cell func(c *liveColumn) string) {
	cells := cellWidth()
	x := 0
	for i := range columns {
		c := &columns[i]
		text := cells.Truncate(shown(cell(c)), c.width, "~")
		at := x
		if !c.name {
			at += c.width - cells.StringWidth(text)
		}
		s.screen.PutStrStyled(at, y, text, style)
		x += c.width + columnGap
	}
}

// measure makes the columns of names as wide as all rows of this view need, and never narrower, so that they stay where they are.
func (s *liveScreen) measure() {
	cells := cellWidth()
	for _, c := range s.flags.inView(s.view).nameColumns() {
		width := max(s.widths[c.title], cells.StringWidth(c.title))
		for i := range s.look.rows {
			width = max(width, cells.StringWidth(shown(c.cell(&s.look.rows[i]))))
		}
		s.widths[c.title] = width
	}
}

// fit returns the columns that there is room for, with their widths: names get what they need, others come in the order of their weight while
// they fit. If not even the first of these do, names are cut.
func (s *liveScreen) fit(width int) []liveColumn {
	const firstColumns = 2
	var columns []liveColumn
	used := 0
	for _, c := range s.flags.inView(s.view).nameColumns() {
		l := liveColumn{title: c.title, width: max(s.widths[c.title], len(c.title)), cell: c.cell, name: true}
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
	// As wide as "<unknown>" is.
	const figure = 9
	var columns []liveColumn
	add := func(title string, cell func(r *topRow) string) {
		columns = append(columns, liveColumn{title: title, width: figure, cell: cell})
	}
	swap := func(r *topRow) string { return r.swap.mebibytes() }
	add("CPU", func(r *topRow) string { return r.cpu.millicores() })
	add("MEMORY", func(r *topRow) string { return r.memory.mebibytes() })
	if s.flags.showSwap {
		add("SWAP", swap)
	}
	columns = append(columns, liveColumn{title: "CPU TREND", width: sparkWidth, cell: func(r *topRow) string { return s.spark(r.Entity.Key) }})
	if s.view == stats.KindContainer {
		add("LIMIT", memoryLimit)
		add("MEM%", limitPercent)
	}
	add("TASKS", tasksColumn().cell)
	if s.view == stats.KindPod || s.view == stats.KindNode {
		add("IN/s", networkCell(metric.NetworkReceiveBytes))
		add("OUT/s", networkCell(metric.NetworkTransmitBytes))
	}
	add("READ/s", rateCell(metric.IOReadBytes))
	add("WRITE/s", rateCell(metric.IOWriteBytes))
	if !s.flags.showSwap {
		add("SWAP", swap)
	}
	if s.flags.format == "wide" {
		if s.view == stats.KindContainer {
			add("THROTTLED", throttled)
			add("RESTARTS", func(r *topRow) string { return fmt.Sprint(r.Entity.Run) })
		}
		add("AGE", func(r *topRow) string { return ago(s.look.age(r.Usage)) })
	}
	return columns
}

// drawFoot draws the last line: what is typed, what is wrong, or what the keys are, which a screen of a few lines has no room for.
func (s *liveScreen) drawFoot(width, height int) {
	s.screen.HideCursor()
	text, style := keyHelp, tcell.StyleDefault.Dim(true)
	silence := s.silence()
	switch {
	case s.typing:
		text, style = "filter: "+s.filter, tcell.StyleDefault
		s.screen.ShowCursor(min(cellWidth().StringWidth(shown(text)), width-1), height-1)
	case s.err != nil:
		text, style = "error: "+s.err.Error(), tcell.StyleDefault.Bold(true)
	case silence > 0:
		text, style = "noded has said nothing for "+ago(silence), tcell.StyleDefault.Bold(true)
	case height < headLines:
		return
	}
	s.put(height-1, width, strings.Repeat(" ", width), style)
	s.put(height-1, width, strings.ReplaceAll(text, "\n", "; "), style)
}
