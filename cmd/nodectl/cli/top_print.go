// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"

	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// topColumn is a column of a table.
type topColumn struct {
	title string
	cell  func(r *topRow) string
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
		rows = append(rows, f.sumRows(look.rows)...)
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
func (f *topFlags) sumRows(rows []topRow) [][]string {
	var total topRow
	for i := range rows {
		total.add(&rows[i])
	}
	var rule, sums []string
	for range f.nameColumns() {
		rule, sums = append(rule, ""), append(sums, "")
	}
	for _, a := range []string{total.cpu.millicores(), total.memory.mebibytes()} {
		rule, sums = append(rule, "________"), append(sums, a)
	}
	if f.showSwap {
		rule, sums = append(rule, "________"), append(sums, total.swap.mebibytes())
	}
	return [][]string{rule, sums}
}

// columns are those of the table.
func (f *topFlags) columns(look *topLook) []topColumn {
	columns := f.nameColumns()
	cpu := topColumn{"CPU(cores)", func(r *topRow) string { return r.cpu.millicores() }}
	memory := topColumn{"MEMORY(bytes)", func(r *topRow) string { return r.memory.mebibytes() }}
	swap := topColumn{"SWAP(bytes)", func(r *topRow) string { return r.swap.mebibytes() }}
	switch f.kind {
	case stats.KindNode:
		columns = append(columns, cpu, topColumn{"CPU(%)", look.cpuPercent}, memory, topColumn{"MEMORY(%)", look.memoryPercent})
		if f.showSwap {
			columns = append(columns, swap, topColumn{"SWAP(%)", look.swapPercent})
		}
	case stats.KindPod:
		columns = append(columns, cpu, memory)
		if f.showSwap {
			columns = append(columns, swap)
		}
	case stats.KindContainer:
		columns = append(columns, cpu, memory, topColumn{"LIMIT(bytes)", memoryLimit}, topColumn{"MEMORY(%)", limitPercent})
	case stats.KindUnit, stats.KindUnknown:
		columns = append(columns, cpu, memory, tasksColumn(), topColumn{"READ(bytes/s)", rateCell(metric.IOReadBytes)}, topColumn{"WRITE(bytes/s)", rateCell(metric.IOWriteBytes)})
	}
	if f.format == "wide" {
		columns = append(columns, f.wideColumns(look)...)
	}
	return columns
}

// nameColumns say who a row is of.
func (f *topFlags) nameColumns() []topColumn {
	name := topColumn{"NAME", func(r *topRow) string { return r.Entity.Name }}
	pod := topColumn{"POD", func(r *topRow) string { return firstNonEmpty(r.Entity.Pod, "<none>") }}
	namespace := topColumn{"NAMESPACE", func(r *topRow) string { return firstNonEmpty(r.Entity.Namespace, "<none>") }}
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
	if kind == stats.KindNode || kind == stats.KindPod {
		columns = append(columns, topColumn{"RECEIVE(bytes/s)", networkCell(metric.NetworkReceiveBytes)}, topColumn{"SEND(bytes/s)", networkCell(metric.NetworkTransmitBytes)})
	}
	if kind != stats.KindUnit {
		columns = append(columns, topColumn{"READ(bytes/s)", rateCell(metric.IOReadBytes)}, topColumn{"WRITE(bytes/s)", rateCell(metric.IOWriteBytes)}, tasksColumn())
	}
	if kind == stats.KindContainer {
		columns = append(columns, topColumn{"THROTTLED(%)", throttled}, topColumn{"RESTARTS", func(r *topRow) string { return fmt.Sprint(r.Entity.Run) }})
	}
	if kind == stats.KindContainer || kind == stats.KindUnit {
		columns = append(columns, topColumn{"SWAP(bytes)", func(r *topRow) string { return r.swap.mebibytes() }})
	}
	columns = append(columns, topColumn{"AGE", func(r *topRow) string {
		text := ago(look.age(r.Usage))
		if look.old(r.Usage) {
			text += " (old)"
		}
		return text
	}})
	switch kind {
	case stats.KindContainer:
		columns = append(columns, topColumn{"ID", func(r *topRow) string { return firstNonEmpty(r.Entity.ContainerID, unknownText) }})
	case stats.KindUnit:
		columns = append(columns, topColumn{"CGROUP", func(r *topRow) string { return r.Entity.Cgroup }})
	case stats.KindNode, stats.KindPod, stats.KindUnknown:
	}
	return columns
}

func (l *topLook) cpuPercent(r *topRow) string {
	return cpuPercent(r.cpu, amount{uint64(max(l.machine.CPUs, 0)) * 1000, l.machine.CPUs > 0})
}

func (l *topLook) memoryPercent(r *topRow) string {
	return bytesPercent(r.memory, amount{l.machine.MemoryBytes, l.machine.MemoryBytes > 0})
}

func (l *topLook) swapPercent(r *topRow) string {
	return bytesPercent(r.swap, amountOf(l.machine.SwapBytes))
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
	if !r.Numbers.Has(metric.CPULimit) && !r.Numbers.Has(metric.CPUPeriods) {
		return "<none>"
	}
	v, ok := r.Rates.Get(metric.CPUThrottled)
	if !ok {
		return unknownText
	}
	return fmt.Sprintf("%.0f%%", v*100)
}

func tasksColumn() topColumn {
	return topColumn{"TASKS", func(r *topRow) string { return number(&r.Numbers, metric.Processes).count() }}
}

// rateCell writes a rate of bytes.
func rateCell(id metric.ID) func(r *topRow) string {
	return func(r *topRow) string { return perSecond(&r.Rates, id).size() }
}

// networkCell is rateCell for what can have the network of the node.
func networkCell(id metric.ID) func(r *topRow) string {
	cell := rateCell(id)
	return func(r *topRow) string {
		if r.Entity.HostNetwork {
			return "<host>"
		}
		return cell(r)
	}
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
