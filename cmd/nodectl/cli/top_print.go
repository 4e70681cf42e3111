// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// topColumn is a column of a table.
type topColumn struct {
	title string
	cell  func(r *topRow) string
	// summed: of a row that is the sum of others there is a cell, too.
	summed bool
}

// print prints what is used.
func (f *topFlags) print(g *globals, look *topLook) error {
	switch f.format {
	case "json", "yaml":
		return printValue(g.Out, f.format, look.items())
	case "name":
		return f.printNames(g, look)
	}
	if len(look.rows) == 0 {
		return nil
	}
	columns := f.columns(look)
	var rows [][]string
	for i := range look.rows {
		var row []string
		for _, c := range columns {
			row = append(row, visible(c.cell(&look.rows[i])))
		}
		rows = append(rows, row)
	}
	var header []string
	if !f.noHeaders {
		for _, c := range columns {
			header = append(header, c.title)
		}
	}
	if f.sum {
		rows = append(rows, sumRows(columns, look.rows)...)
	}
	return writeColumns(g.Out, header, rows)
}

func (f *topFlags) printNames(g *globals, look *topLook) error {
	var names []string
	for i := range look.rows {
		switch e := look.rows[i].Entity; e.Key.Kind {
		case stats.KindContainer:
			names = append(names, "container/"+visible(firstNonEmpty(e.ContainerID, e.Name)))
		case stats.KindPod:
			names = append(names, "pod/"+visible(e.Name))
		case stats.KindNode:
			names = append(names, "node/"+visible(e.Name))
		case stats.KindUnit, stats.KindUnknown:
			names = append(names, visible(e.Name))
		}
	}
	if len(names) == 0 {
		return nil
	}
	return printLines(g.Out, names)
}

// sumRows are a rule and the sums beneath the columns of what is summed.
func sumRows(columns []topColumn, rows []topRow) [][]string {
	var total topRow
	for i := range rows {
		total.add(&rows[i])
	}
	var rule, sums []string
	last := 0
	for i, c := range columns {
		if !c.summed {
			rule, sums = append(rule, ""), append(sums, "")
			continue
		}
		last = i
		rule, sums = append(rule, "________"), append(sums, c.cell(&total))
	}
	return [][]string{rule[:last+1], sums[:last+1]}
}

// columns are those of the table.
func (f *topFlags) columns(look *topLook) []topColumn {
	columns := f.nameColumns()
	cpu := topColumn{"CPU(cores)", func(r *topRow) string { return r.cpu.millicores() }, true}
	memory := topColumn{"MEMORY(bytes)", func(r *topRow) string { return r.memory.mebibytes() }, true}
	switch f.kind {
	case stats.KindNode:
		columns = append(columns, cpu, topColumn{title: "CPU(%)", cell: look.cpuPercent}, memory, topColumn{title: "MEMORY(%)", cell: look.memoryPercent})
	case stats.KindPod:
		columns = append(columns, cpu, memory)
	case stats.KindContainer:
		columns = append(columns, cpu, memory, topColumn{title: "LIMIT(bytes)", cell: memoryLimit}, topColumn{title: "MEMORY(%)", cell: limitPercent})
	case stats.KindUnit, stats.KindUnknown:
		columns = append(append(columns, cpu, memory, tasksColumn()), diskColumns()...)
	}
	if f.showSwap || f.sortBy == sortBySwap {
		columns = append(columns, swapColumn())
		if f.kind == stats.KindNode {
			columns = append(columns, topColumn{title: "SWAP(%)", cell: look.swapPercent})
		}
	}
	switch f.sortBy {
	case sortByNetwork:
		columns = appendNew(columns, networkColumns()...)
	case sortByDisk:
		columns = appendNew(columns, diskColumns()...)
	}
	if f.format == "wide" {
		columns = appendNew(columns, f.wideColumns(look)...)
	}
	return columns
}

// appendNew appends those that are not there yet.
func appendNew(columns []topColumn, more ...topColumn) []topColumn {
	for _, c := range more {
		if !slices.ContainsFunc(columns, func(known topColumn) bool { return known.title == c.title }) {
			columns = append(columns, c)
		}
	}
	return columns
}

func swapColumn() topColumn {
	return topColumn{"SWAP(bytes)", func(r *topRow) string { return r.swap.mebibytes() }, true}
}

func networkColumns() []topColumn {
	return []topColumn{
		{title: "RECEIVE(bytes/s)", cell: networkCell(metric.NetworkReceiveBytes)}, {title: "SEND(bytes/s)", cell: networkCell(metric.NetworkTransmitBytes)},
	}
}

func diskColumns() []topColumn {
	return []topColumn{{title: "READ(bytes/s)", cell: rateCell(metric.IOReadBytes)}, {title: "WRITE(bytes/s)", cell: rateCell(metric.IOWriteBytes)}}
}

// nameColumns say who a row is of.
func (f *topFlags) nameColumns() []topColumn {
	name := topColumn{title: "NAME", cell: func(r *topRow) string { return strings.Repeat("  ", r.depth) + r.Entity.Name }}
	pod := topColumn{title: "POD", cell: func(r *topRow) string { return firstNonEmpty(r.Entity.Pod, "<none>") }}
	namespace := topColumn{title: "NAMESPACE", cell: func(r *topRow) string { return firstNonEmpty(r.Entity.Namespace, "<none>") }}
	switch {
	case f.kind == stats.KindContainer:
		return []topColumn{namespace, pod, name}
	case f.kind != stats.KindPod:
		return []topColumn{name}
	}
	var columns []topColumn
	if f.withNamespace() {
		columns = append(columns, namespace)
	}
	if f.containers {
		columns = append(columns, pod)
	}
	return append(columns, name)
}

// wideColumns are what -o wide adds.
func (f *topFlags) wideColumns(look *topLook) []topColumn {
	var columns []topColumn
	kind := f.rowKind()
	if kind != stats.KindUnit {
		columns = append(append(append(columns, networkColumns()...), diskColumns()...), tasksColumn())
	}
	if kind == stats.KindContainer {
		columns = append(columns, topColumn{title: "THROTTLED(%)", cell: throttled}, restartsColumn())
	}
	if kind == stats.KindContainer || kind == stats.KindUnit {
		columns = append(columns, swapColumn())
	}
	columns = append(columns, topColumn{title: "AGE", cell: look.ageText})
	if kind == stats.KindContainer || kind == stats.KindUnit {
		columns = append(columns, idColumn(kind))
	}
	return columns
}

func restartsColumn() topColumn {
	return topColumn{title: "RESTARTS", cell: func(r *topRow) string { return fmt.Sprint(r.Entity.Run) }}
}

// idColumn tells apart what can have one name.
func idColumn(kind stats.Kind) topColumn {
	switch kind {
	case stats.KindPod:
		return topColumn{title: "UID", cell: func(r *topRow) string { return firstNonEmpty(r.Entity.UID, unknownText) }}
	case stats.KindContainer:
		return topColumn{title: "ID", cell: func(r *topRow) string { return firstNonEmpty(r.Entity.ContainerID, unknownText) }}
	case stats.KindUnit, stats.KindNode, stats.KindUnknown:
	}
	return topColumn{title: "CGROUP", cell: func(r *topRow) string { return firstNonEmpty(r.Entity.Cgroup, unknownText) }}
}

// ageText is how old a figure is.
func (l *topLook) ageText(r *topRow) string {
	switch {
	case r.Time.IsZero():
		return unknownText
	case l.old(r.Usage):
		return ago(l.age(r.Usage)) + " (old)"
	}
	return ago(l.age(r.Usage))
}

func (l *topLook) cpuPercent(r *topRow) string {
	return cpuPercent(r.cpu, amount{uint64(max(l.machine.CPUs, 0)) * 1000, l.machine.CPUs > 0})
}

func (l *topLook) memoryPercent(r *topRow) string {
	return bytesPercent(r.memory, amount{l.machine.MemoryBytes, l.machine.MemoryBytes > 0})
}

func (l *topLook) swapPercent(r *topRow) string {
	return bytesPercent(r.swap, amount{l.machine.SwapBytes, l.machine.MemoryBytes > 0})
}

// limitOf is the limit that the cgroup has, else the one that the runtime tells.
func limitOf(r *topRow) amount {
	if limit := number(&r.Numbers, metric.MemoryLimit); limit.known {
		return limit
	}
	if limit := r.Entity.Resources.MemoryLimit; limit > 0 {
		return amountOf(uint64(limit))
	}
	return amount{}
}

func memoryLimit(r *topRow) string {
	if limit := limitOf(r); limit.known {
		return limit.mebibytes()
	}
	return "<none>"
}

func limitPercent(r *topRow) string {
	limit := limitOf(r)
	if !limit.known {
		return "<none>"
	}
	return bytesPercent(r.memory, limit)
}

// throttled is how much of the time the container was held back by its limit of CPU time.
func throttled(r *topRow) string {
	if !r.Numbers.Has(metric.CPULimit) && r.Entity.Resources.CPULimit == 0 {
		return "<none>"
	}
	v, ok := r.Rates.Get(metric.CPUThrottled)
	if !ok {
		return unknownText
	}
	return fmt.Sprintf("%.0f%%", v*100)
}

func tasksColumn() topColumn {
	return topColumn{title: "TASKS", cell: func(r *topRow) string { return number(&r.Numbers, metric.Processes).count() }}
}

// rateCell writes a rate of bytes.
func rateCell(id metric.ID) func(r *topRow) string {
	return func(r *topRow) string { return perSecond(&r.Rates, id).size() }
}

// networkCell is rateCell for what can have the network of the node, or of its pod.
func networkCell(id metric.ID) func(r *topRow) string {
	cell := rateCell(id)
	return func(r *topRow) string {
		return firstNonEmpty(networkOf(r.Entity), cell(r))
	}
}

// networkOf says whose network something has that has none of its own; empty for what has.
func networkOf(e *stats.Entity) string {
	switch {
	case e.HostNetwork:
		return "<host>"
	case e.Key.Kind == stats.KindContainer && (e.Pod != "" || e.UID != ""):
		return "<pod>"
	}
	return ""
}

// fullName is the name of an entity with what it is in.
func fullName(e *stats.Entity) string {
	var parts []string
	for _, part := range []string{e.Namespace, e.Pod, e.Name} {
		if part != "" && (len(parts) == 0 || part != parts[len(parts)-1]) {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "/")
}
