// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// sinceRow is what one entity used over a time.
type sinceRow struct {
	entity *stats.Entity
	ended  bool
	// last is the time of the newest sample.
	last time.Time
	// series are what is known.
	series map[metric.ID]*stats.Series
}

// of returns the summary of a number; nil if it is not known.
func (r *sinceRow) of(id metric.ID) *stats.Series {
	if s := r.series[id]; s != nil && s.Samples > 0 {
		return s
	}
	return nil
}

// row is one without figures, for what is told of names.
func (r *sinceRow) row() *topRow { return &topRow{Usage: &stats.Usage{Entity: r.entity}} }

// sinceItem is a sinceRow in JSON and YAML.
type sinceItem struct {
	subjectItem
	// Ended: there is no such thing any more.
	Ended            bool         `json:"ended,omitempty"`
	CPUUsage         *summaryItem `json:"cpu_usage_nanocores,omitempty"`
	MemoryWorkingSet *summaryItem `json:"memory_working_set_bytes,omitempty"`
	MemorySwap       *summaryItem `json:"memory_swap_bytes,omitempty"`
	NetworkReceive   *summaryItem `json:"network_receive_bytes_per_second,omitempty"`
	NetworkTransmit  *summaryItem `json:"network_transmit_bytes_per_second,omitempty"`
	IORead           *summaryItem `json:"io_read_bytes_per_second,omitempty"`
	IOWrite          *summaryItem `json:"io_write_bytes_per_second,omitempty"`
}

// nanocores is by what CPU time is multiplied, which history has in cores.
const nanocores = 1e9

func sinceItemOf(node string, r *sinceRow) sinceItem {
	return sinceItem{
		subjectItem: subjectItemOf(node, r.entity), Ended: r.ended,
		CPUUsage: summaryItemOf(r.of(metric.CPUUsage), nanocores), MemoryWorkingSet: summaryItemOf(r.of(metric.MemoryWorkingSet), 1),
		MemorySwap:     summaryItemOf(r.of(metric.MemorySwap), 1),
		NetworkReceive: summaryItemOf(r.of(metric.NetworkReceiveBytes), 1), NetworkTransmit: summaryItemOf(r.of(metric.NetworkTransmitBytes), 1),
		IORead: summaryItemOf(r.of(metric.IOReadBytes), 1), IOWrite: summaryItemOf(r.of(metric.IOWriteBytes), 1),
	}
}

// summaryItem summarises one number.
type summaryItem struct {
	Samples   int        `json:"samples"`
	FirstTime *time.Time `json:"first_time,omitempty"`
	LastTime  *time.Time `json:"last_time,omitempty"`
	Min       uint64     `json:"min"`
	Mean      uint64     `json:"mean"`
	P95       uint64     `json:"p95"`
	Max       uint64     `json:"max"`
	Last      uint64     `json:"last"`
}

// sinceColumn is a number of which a table tells the mean, the 95th percentile and the maximum; brief: mean and maximum.
type sinceColumn struct {
	title string
	id    metric.ID
	scale float64
	text  func(amount) string
	brief bool
}

// sinceColumns are those that the options ask for: CPU and memory, what is sorted by, and with -o wide all. JSON has all, too.
func (f *topFlags) sinceColumns() []sinceColumn {
	all := f.format == "wide" || f.format == "json" || f.format == "yaml"
	columns := []sinceColumn{
		{"CPU", metric.CPUUsage, nanocores, amount.millicores, false}, {"MEMORY", metric.MemoryWorkingSet, 1, amount.mebibytes, false},
	}
	add := func(asked bool, more ...sinceColumn) {
		for _, c := range more {
			if c.brief = !asked; asked || all {
				columns = append(columns, c)
			}
		}
	}
	if f.kind != stats.KindUnit {
		add(f.sortBy == sortByNetwork, sinceColumn{"RECEIVE", metric.NetworkReceiveBytes, 1, amount.size, false}, sinceColumn{"SEND", metric.NetworkTransmitBytes, 1, amount.size, false})
	}
	add(f.sortBy == sortByDisk, sinceColumn{"READ", metric.IOReadBytes, 1, amount.size, false}, sinceColumn{"WRITE", metric.IOWriteBytes, 1, amount.size, false})
	add(f.showSwap || f.sortBy == sortBySwap, sinceColumn{"SWAP", metric.MemorySwap, 1, amount.mebibytes, false})
	return columns
}

// runSince prints what was used.
func (f *topFlags) runSince(ctx context.Context, g *globals, b statsBackend) error {
	if f.kind == stats.KindNode {
		// It says which node this is.
		if _, err := f.look(ctx, b); err != nil {
			return err
		}
	}
	req := stats.QueryRequest{Selection: f.selection(), Since: f.from}
	for _, c := range f.sinceColumns() {
		req.Metrics = append(req.Metrics, c.id)
	}
	history, err := b.QueryStats(ctx, req)
	if err != nil {
		return err
	}
	rows := f.sinceRows(history.Series)
	if err := f.printSince(g, history.Node, rows); err != nil {
		return err
	}
	names := &topLook{}
	for i := range rows {
		names.rows = append(names.rows, *rows[i].row())
	}
	oldest := history.Oldest
	switch {
	case oldest.IsZero() && len(history.Problems) > 0: // They say why.
	case oldest.IsZero():
		fmt.Fprintln(g.Err, "No figures of that time are known.")
	default:
		if err := f.unmatched(g, names); err != nil {
			return err
		}
		if len(rows) == 0 {
			fmt.Fprintln(g.Err, "No figures of that time are known.")
		} else if oldest.After(f.from.Add(historySlack)) {
			fmt.Fprintf(g.Err, "History begins %s ago.\n", ago(time.Since(oldest)))
		}
	}
	return g.tellPodProblems(history.Problems)
}

// historySlack is how much later than asked for the history may begin without a word: less than the interval of noded's looks.
const historySlack = 5 * time.Second

// sinceRows joins the series of each entity and sorts them as the options say.
func (f *topFlags) sinceRows(series []stats.Series) []sinceRow {
	// Without a UID, or with the same one, pods are told apart by name.
	type key struct {
		stats.Key
		namespace, name string
	}
	at := make(map[key]int)
	var rows []sinceRow
	for i := range series {
		s := &series[i]
		if f.containers && s.Entity.Pod == "" && s.Entity.UID == "" {
			continue
		}
		k := key{s.Entity.Key, s.Entity.Namespace, s.Entity.Name}
		n, ok := at[k]
		if !ok {
			n = len(rows)
			at[k] = n
			rows = append(rows, sinceRow{entity: s.Entity, ended: s.Ended, series: make(map[metric.ID]*stats.Series)})
		}
		rows[n].series[s.Metric] = s
		if s.Last.After(rows[n].last) {
			rows[n].last = s.Last
		}
	}
	if f.kind != stats.KindUnit {
		// Of one name the one that ended first.
		slices.SortStableFunc(rows, func(a, b sinceRow) int { return cmp.Or(f.byName(a.row(), b.row()), a.last.Compare(b.last)) })
	}
	if f.sortBy != "" {
		f.sortSince(rows)
	}
	return rows
}

// sortSince sorts rows by means, the greatest first, and with --containers by those of the pods together.
func (f *topFlags) sortSince(rows []sinceRow) {
	pods := make(map[string]float64)
	if f.containers {
		for i := range rows {
			pods[podOf(rows[i].row())] += max(f.meanOf(&rows[i]), 0)
		}
	}
	slices.SortStableFunc(rows, func(a, b sinceRow) int {
		own := cmp.Compare(f.meanOf(&b), f.meanOf(&a))
		if !f.containers {
			return own
		}
		x, y := podOf(a.row()), podOf(b.row())
		if x == y {
			return own
		}
		return cmp.Or(cmp.Compare(pods[y], pods[x]), cmp.Compare(x, y))
	})
}

// meanOf is the mean of what is sorted by; -1 if it is not known.
func (f *topFlags) meanOf(r *sinceRow) float64 {
	ids := map[string][]metric.ID{
		sortByMemory: {metric.MemoryWorkingSet}, sortBySwap: {metric.MemorySwap},
		sortByNetwork: {metric.NetworkReceiveBytes, metric.NetworkTransmitBytes}, sortByDisk: {metric.IOReadBytes, metric.IOWriteBytes},
	}[f.sortBy]
	if ids == nil {
		ids = []metric.ID{metric.CPUUsage}
	}
	sum, known := 0.0, false
	for _, id := range ids {
		if s := r.of(id); s != nil {
			sum, known = sum+s.Mean, true
		}
	}
	if !known {
		return -1
	}
	return sum
}

func (f *topFlags) printSince(g *globals, node string, rows []sinceRow) error {
	switch f.format {
	case "json", "yaml":
		items := make([]sinceItem, len(rows))
		for i := range rows {
			items[i] = sinceItemOf(node, &rows[i])
		}
		return printValue(g.Out, f.format, items)
	case "name":
		look := &topLook{}
		for i := range rows {
			look.rows = append(look.rows, *rows[i].row())
		}
		return f.printNames(g, look)
	}
	if len(rows) == 0 {
		return nil
	}
	t := sinceTable{names: f.nameColumns(), figures: f.sinceColumns(), now: time.Now(), wide: f.format == "wide"}
	t.ended = t.wide || slices.ContainsFunc(rows, func(r sinceRow) bool { return r.ended })
	if kind := f.rowKind(); t.wide && kind != stats.KindNode {
		if kind == stats.KindContainer {
			t.apart = append(t.apart, restartsColumn())
		}
		t.apart = append(t.apart, idColumn(kind))
	}
	var header []string
	if !f.noHeaders {
		header = t.header()
	}
	table := make([][]string, len(rows))
	for i := range rows {
		table[i] = t.cells(&rows[i])
	}
	return writeColumns(g.Out, header, table)
}

// sinceTable is a table of what was used.
type sinceTable struct {
	// names come first, apart comes last: what tells rows of one name apart.
	names, apart []topColumn
	figures      []sinceColumn
	now          time.Time
	// ended: there is a column of what has ended.
	wide, ended bool
}

func (t *sinceTable) header() []string {
	var header []string
	for _, c := range t.names {
		header = append(header, c.title)
	}
	for _, c := range t.figures {
		for i, of := range []string{"(mean)", "(p95)", "(max)"} {
			if i != percentileAt || !c.brief {
				header = append(header, c.title+of)
			}
		}
	}
	if t.wide {
		header = append(header, "SAMPLES", "FIRST", "LAST")
	}
	if t.ended {
		header = append(header, "ENDED")
	}
	for _, c := range t.apart {
		header = append(header, c.title)
	}
	return header
}

// cells are the cells of a row.
func (t *sinceTable) cells(r *sinceRow) []string {
	var cells []string
	row := r.row()
	for _, c := range t.names {
		cells = append(cells, visible(c.cell(row)))
	}
	var longest *stats.Series
	for _, c := range t.figures {
		s := r.of(c.id)
		if s != nil && (longest == nil || s.Samples > longest.Samples) {
			longest = s
		}
		other := ""
		if c.id == metric.NetworkReceiveBytes || c.id == metric.NetworkTransmitBytes {
			other = networkOf(r.entity)
		}
		for i, a := range summaryAmounts(s, c.scale) {
			if i != percentileAt || !c.brief {
				cells = append(cells, firstNonEmpty(other, c.text(a)))
			}
		}
	}
	if t.wide {
		about := []string{unknownText, unknownText, unknownText}
		if longest != nil {
			about = []string{fmt.Sprint(longest.Samples), age(longest.First, t.now) + " ago", age(longest.Last, t.now) + " ago"}
		}
		cells = append(cells, about...)
	}
	if t.ended {
		ended := "no"
		if r.ended {
			ended = age(r.last, t.now) + " ago"
		}
		cells = append(cells, ended)
	}
	for _, c := range t.apart {
		cells = append(cells, visible(c.cell(row)))
	}
	return cells
}

// percentileAt is the place of the 95th percentile in what summaryAmounts returns.
const percentileAt = 1

// summaryAmounts are mean, 95th percentile and maximum, times scale.
func summaryAmounts(s *stats.Series, scale float64) [3]amount {
	if s == nil {
		return [3]amount{}
	}
	return [3]amount{roundedAmount(s.Mean * scale), roundedAmount(s.P95 * scale), roundedAmount(s.Max * scale)}
}

func summaryItemOf(s *stats.Series, scale float64) *summaryItem {
	if s == nil {
		return nil
	}
	of := func(v float64) uint64 { return roundedAmount(v * scale).value }
	return &summaryItem{
		Samples: s.Samples, FirstTime: known(s.First), LastTime: known(s.Last),
		Min: of(s.Min), Mean: of(s.Mean), P95: of(s.P95), Max: of(s.Max), Last: of(s.LastValue),
	}
}
