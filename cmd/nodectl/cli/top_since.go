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

// sinceRow is what one entity used over a time. A nil series is not known.
type sinceRow struct {
	entity      *stats.Entity
	ended       bool
	cpu, memory *stats.Series
}

// sinceItem is a sinceRow in JSON and YAML.
type sinceItem struct {
	subjectItem
	// Ended: there is no such thing any more.
	Ended            bool         `json:"ended,omitempty"`
	CPUUsage         *summaryItem `json:"cpu_usage_nanocores,omitempty"`
	MemoryWorkingSet *summaryItem `json:"memory_working_set_bytes,omitempty"`
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

// runSince prints what was used.
func (f *topFlags) runSince(ctx context.Context, g *globals, b statsBackend) error {
	if f.kind == stats.KindNode {
		// It says which node this is.
		if _, err := f.look(ctx, b); err != nil {
			return err
		}
	}
	sel := f.selection()
	history, err := b.QueryStats(ctx, stats.QueryRequest{Selection: sel, Metrics: []metric.ID{metric.CPUUsage, metric.MemoryWorkingSet}, Since: f.from})
	if err != nil {
		return err
	}
	rows := f.sinceRows(history.Series)
	if err := f.printSince(g, history.Node, rows); err != nil {
		return err
	}
	oldest := history.Oldest
	switch {
	case oldest.IsZero() || len(rows) == 0:
		fmt.Fprintln(g.Err, "No figures of that time are known.")
	case oldest.After(f.from.Add(historySlack)):
		fmt.Fprintf(g.Err, "History begins %s ago.\n", ago(time.Since(oldest)))
	}
	return g.tellPodProblems(history.Problems)
}

// historySlack is how much later than asked for the history may begin without a word: less than the interval of noded's looks.
const historySlack = 5 * time.Second

// sinceRows joins the series of each entity and sorts them as the options say.
func (f *topFlags) sinceRows(series []stats.Series) []sinceRow {
	at := make(map[stats.Key]int)
	var rows []sinceRow
	for i := range series {
		s := &series[i]
		if f.containers && s.Entity.Pod == "" {
			continue
		}
		n, ok := at[s.Entity.Key]
		if !ok {
			n = len(rows)
			at[s.Entity.Key] = n
			rows = append(rows, sinceRow{entity: s.Entity, ended: s.Ended})
		}
		switch s.Metric {
		case metric.CPUUsage:
			rows[n].cpu = s
		case metric.MemoryWorkingSet:
			rows[n].memory = s
		}
	}
	if f.kind != stats.KindUnit {
		slices.SortStableFunc(rows, func(a, b sinceRow) int {
			return f.byName(&topRow{Usage: &stats.Usage{Entity: a.entity}}, &topRow{Usage: &stats.Usage{Entity: b.entity}})
		})
	}
	mean := func(r *sinceRow) float64 {
		s := r.cpu
		if f.sortBy == sortByMemory {
			s = r.memory
		}
		if s == nil {
			return -1
		}
		return s.Mean
	}
	if f.sortBy != "" {
		slices.SortStableFunc(rows, func(a, b sinceRow) int { return cmp.Compare(mean(&b), mean(&a)) })
	}
	return rows
}

func (f *topFlags) printSince(g *globals, node string, rows []sinceRow) error {
	switch f.format {
	case "json", "yaml":
		items := make([]sinceItem, len(rows))
		for i, r := range rows {
			items[i] = sinceItem{
				subjectItem: subjectItemOf(node, r.entity), Ended: r.ended, CPUUsage: summaryItemOf(r.cpu, 1e9), MemoryWorkingSet: summaryItemOf(r.memory, 1),
			}
		}
		return printValue(g.Out, f.format, items)
	case "name":
		look := &topLook{}
		for _, r := range rows {
			look.rows = append(look.rows, topRow{Usage: &stats.Usage{Entity: r.entity}})
		}
		return f.printNames(g, look)
	}
	if len(rows) == 0 {
		return nil
	}
	names := f.nameColumns()
	var header []string
	if !f.noHeaders {
		for _, c := range names {
			header = append(header, c.title)
		}
		header = append(header, "CPU(mean)", "CPU(p95)", "CPU(max)", "MEMORY(mean)", "MEMORY(p95)", "MEMORY(max)")
		if f.format == "wide" {
			header = append(header, "SAMPLES", "FIRST", "LAST", "ENDED")
		}
	}
	table := make([][]string, len(rows))
	for i := range rows {
		table[i] = f.sinceCells(names, &rows[i])
	}
	return writeColumns(g.Out, header, table)
}

// sinceCells are the cells of a row.
func (f *topFlags) sinceCells(names []topColumn, r *sinceRow) []string {
	var cells []string
	for _, c := range names {
		cells = append(cells, visible(c.cell(&topRow{Usage: &stats.Usage{Entity: r.entity}})))
	}
	for _, a := range summaryAmounts(r.cpu, 1e9) {
		cells = append(cells, a.millicores())
	}
	for _, a := range summaryAmounts(r.memory, 1) {
		cells = append(cells, a.mebibytes())
	}
	if f.format != "wide" {
		return cells
	}
	s := r.memory
	if s == nil {
		s = r.cpu
	}
	ended := "no"
	if r.ended {
		ended = "yes"
	}
	now := time.Now()
	return append(cells, fmt.Sprint(s.Samples), age(s.First, now)+" ago", age(s.Last, now)+" ago", ended)
}

// summaryAmounts are mean, 95th percentile and maximum, times scale.
func summaryAmounts(s *stats.Series, scale float64) [3]amount {
	if s == nil || s.Samples == 0 {
		return [3]amount{}
	}
	return [3]amount{roundedAmount(s.Mean * scale), roundedAmount(s.P95 * scale), roundedAmount(s.Max * scale)}
}

func summaryItemOf(s *stats.Series, scale float64) *summaryItem {
	if s == nil || s.Samples == 0 {
		return nil
	}
	of := func(v float64) uint64 { return roundedAmount(v * scale).value }
	return &summaryItem{
		Samples: s.Samples, FirstTime: known(s.First), LastTime: known(s.Last),
		Min: of(s.Min), Mean: of(s.Mean), P95: of(s.P95), Max: of(s.Max), Last: of(s.LastValue),
	}
}
