// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/noded/noded/client"
	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// topPods is how many of the pods that use most are shown.
const topPods = 5

// nodeDescription is what is known of a node.
type nodeDescription struct {
	status     nodeStatus
	usage      *client.NodeStats
	conditions []condition
	containers int
	// pods are by name.
	pods     []topRow
	problems []string
}

func newDescribeNodeCommand(g *globals) *cobra.Command {
	var format string
	formats := []string{"text", "json", "yaml"}
	cmd := &cobra.Command{
		Use:     "node [NAME]",
		Aliases: []string{"nodes", "no"},
		Short:   "Show what is known of the node",
		Long: `Show who the node is, what it has and uses, how long its tasks wait, how full its filesystems are, and what uses most.

The conditions are what noded concludes with the thresholds that the kubelet has unless it is configured: MemoryPressure for less than
100Mi of available memory, DiskPressure for less than 10% of available space or 5% of free inodes of the filesystem of the kubelet, or 15% of
space or 5% of inodes of that of images. PIDPressure, for which the kubelet has no threshold, is for less than 10% of process ids. The kubelet
itself is not asked. What noded cannot reach is Unknown.`,
		Example: "  nodectl describe node\n  nodectl describe node -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format, formats); err != nil {
				return err
			}
			if len(args) > 1 {
				return &usageError{err: errors.New("describe node wants one name at most"), hint: "nodectl describe node"}
			}
			src, err := g.openStats()
			if err != nil {
				return err
			}
			defer src.Close()
			return runDescribeNode(cmd.Context(), g, src, args, format)
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "text", "print in this `FORMAT`: "+joinWords(formats))
	complete(cmd, "output", formats...)
	cmd.ValidArgsFunction = completeNode(g)
	return cmd
}

func runDescribeNode(ctx context.Context, g *globals, src nodeSource, args []string, format string) error {
	d, err := describeNode(ctx, src, args)
	if err != nil {
		return err
	}
	if format != "text" {
		err = printValue(g.Out, format, d.item())
	} else {
		_, err = g.Out.Write([]byte(d.text()))
	}
	if err != nil {
		return err
	}
	return g.tellPodProblems(d.problems)
}

// describeNode asks for all that is known of the node, which has the name that was given, if one was.
func describeNode(ctx context.Context, src nodeSource, args []string) (*nodeDescription, error) {
	node, err := src.Node(ctx)
	if err != nil {
		return nil, err
	}
	if len(args) > 0 && strings.TrimPrefix(args[0], "node/") != node.GetName() {
		return nil, &notFoundError{err: fmt.Errorf("node %q not found: this is %s", args[0], node.GetName()), hint: "nodectl describe node " + node.GetName()}
	}
	health, err := src.Health(ctx)
	if err != nil {
		return nil, err
	}
	d := &nodeDescription{status: statusOf(node, health)}
	if d.usage, err = firstNodeStats(ctx, src); err != nil {
		return nil, err
	}
	pods := &topFlags{kind: stats.KindPod}
	look, err := pods.firstLook(ctx, src)
	if err != nil {
		return nil, err
	}
	d.pods = look.rows
	for i := range d.pods {
		d.containers += d.pods[i].Sum.Containers
	}
	d.conditions = conditionsOf(d.usage)
	d.problems = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(d.usage.Problems), look.problems...))))
	return d, nil
}

// firstNodeStats asks, filesystems too, and goes on asking for a moment while there are no rates.
func firstNodeStats(ctx context.Context, b nodeSource) (*client.NodeStats, error) {
	n, err := b.NodeStatsWithFilesystems(ctx)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(rateWait); ; {
		if r := rowOf(&n.Usage); r.rated() || !time.Now().Before(deadline) {
			return n, nil
		}
		pause(ctx, rateRetry)
		now, err := b.NodeStats(ctx)
		if err != nil {
			return nil, err
		}
		n.Usage, n.Now = now.Usage, now.Now
	}
}

// topBy returns the pods that use most.
func (d *nodeDescription) topBy(key string) []topRow {
	rows := slices.Clone(d.pods)
	slices.SortStableFunc(rows, func(a, b topRow) int { return moreOf(key, &a, &b) })
	return rows[:min(len(rows), topPods)]
}

// text writes the description for people, in the order of kubectl describe.
func (d *nodeDescription) text() string {
	w := &describer{now: d.usage.Now}
	s, m := &d.status, &d.usage.Machine
	w.row(0, "Name", s.Name)
	w.row(0, "Machine ID", s.MachineID)
	w.row(0, "Boot ID", s.BootID)
	w.row(0, "Booted", w.moment(m.BootTime))
	w.row(0, "Kernel Version", s.KernelRelease)
	w.row(0, "OS Image", s.OperatingSystem)
	w.row(0, "Architecture", s.Architecture)
	w.row(0, "Processor", m.CPUModel)
	w.row(0, "Noded Version", s.Version)
	for _, source := range s.Sources {
		if name, ok := strings.CutPrefix(source.Name, "runtime/"); ok {
			w.row(0, "Runtime", strings.TrimSpace(name+" "+source.Engine)+", "+source.State)
		}
	}
	if m.CgroupVersion > 0 {
		w.row(0, "Cgroups", fmt.Sprintf("v%d", m.CgroupVersion))
	}
	w.table(0, "Conditions", []string{"TYPE", "STATUS", "REASON"}, conditionRows(d.conditions))
	d.writeUsage(w)
	d.writePressure(w)
	d.writeFilesystems(w)
	w.row(0, "Pods", fmt.Sprintf("%d, with %d containers", len(d.pods), d.containers))
	for _, by := range []struct{ title, key string }{{"Most CPU", sortByCPU}, {"Most Memory", sortByMemory}} {
		var rows [][]string
		for _, r := range d.topBy(by.key) {
			rows = append(rows, []string{firstNonEmpty(r.Entity.Namespace, "<none>"), r.Entity.Name, r.cpu.millicores(), r.memory.mebibytes()})
		}
		w.table(0, by.title, []string{"NAMESPACE", "NAME", "CPU(cores)", "MEMORY(bytes)"}, rows)
	}
	var rows [][]string
	for _, source := range s.Sources {
		rows = append(rows, []string{source.Name, source.State, firstNonEmpty(source.Message, "-")})
	}
	w.table(0, "Sources", []string{"NAME", "STATE", "MESSAGE"}, rows)
	return w.text.String()
}

// table writes rows beneath a title; nothing if there are none.
func (d *describer) table(indent int, title string, header []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(&d.text, "%s%s:\n", strings.Repeat(" ", indent), title)
	var b strings.Builder
	for i := range rows {
		for j := range rows[i] {
			rows[i][j] = visible(rows[i][j])
		}
	}
	// A strings.Builder returns no error.
	_ = writeTable(&b, tableStyle{separator: "   "}, header, rows)
	for line := range strings.Lines(b.String()) {
		fmt.Fprintf(&d.text, "%s%s", strings.Repeat(" ", indent+2), line)
	}
}

// writeUsage writes what the node has and uses.
func (d *nodeDescription) writeUsage(w *describer) {
	u, m := &d.usage.Usage, &d.usage.Machine
	r := rowOf(u)
	look := &topLook{machine: *m}
	capacity := amount{uint64(max(m.CPUs, 0)), m.CPUs > 0}
	rows := [][]string{
		{"cpu", capacity.count(), r.cpu.millicores(), look.cpuPercent(&r)},
		{"memory", amount{m.MemoryBytes, m.MemoryBytes > 0}.mebibytes(), r.memory.mebibytes(), look.memoryPercent(&r)},
		{"swap", amount{m.SwapBytes, m.MemoryBytes > 0}.mebibytes(), r.swap.mebibytes(), look.swapPercent(&r)},
	}
	tasks, limit := number(&u.Numbers, metric.Processes), number(&u.Numbers, metric.ProcessLimit)
	rows = append(rows, []string{"tasks", limit.count(), tasks.count(), percentOf(tasks, limit)})
	w.table(0, "Resources", []string{"RESOURCE", "CAPACITY", "USED", "USED(%)"}, rows)
	flow := func(in, out metric.ID, inWord, outWord string) string {
		return fmt.Sprintf("%s %s, %s %s", inWord, perSecond(&u.Rates, in).flow(), outWord, perSecond(&u.Rates, out).flow())
	}
	w.row(0, "Network", flow(metric.NetworkReceiveBytes, metric.NetworkTransmitBytes, "in", "out"))
	w.row(0, "Disks", flow(metric.IOReadBytes, metric.IOWriteBytes, "read", "write"))
	if kills := number(&u.Numbers, metric.OOMKills); kills.known {
		w.row(0, "OOM Kills", kills.count())
	}
}

// pressures are the resources that tasks can wait for.
func pressures() []struct {
	name       string
	some, full metric.ID
} {
	return []struct {
		name       string
		some, full metric.ID
	}{
		{"cpu", metric.PressureCPUSome, metric.PressureCPUFull},
		{"memory", metric.PressureMemorySome, metric.PressureMemoryFull},
		{"io", metric.PressureIOSome, metric.PressureIOFull},
	}
}

// writePressure writes how much of the last window tasks waited; nothing where the kernel does not tell.
func (d *nodeDescription) writePressure(w *describer) {
	u := &d.usage.Usage
	share := func(id metric.ID) string {
		v, ok := u.Rates.Get(id)
		if !ok {
			return unknownText
		}
		return fmt.Sprintf("%.1f%%", v*100)
	}
	var rows [][]string
	for _, p := range pressures() {
		if u.Rates.Has(p.some) || u.Rates.Has(p.full) {
			rows = append(rows, []string{p.name, share(p.some), share(p.full)})
		}
	}
	w.table(0, fmt.Sprintf("Pressure, over %.0f s", max(u.Window.Seconds(), 1)), []string{"RESOURCE", "SOME WAIT", "ALL WAIT"}, rows)
}

func (d *nodeDescription) writeFilesystems(w *describer) {
	var rows [][]string
	for _, fs := range d.usage.Filesystems {
		inodes := "<none>"
		if fs.Inodes > 0 {
			inodes = fmt.Sprintf("%d%%", percent(fs.Inodes-min(fs.InodesFree, fs.Inodes), fs.Inodes))
		}
		rows = append(rows, []string{
			fs.MountPoint, fs.Device, fs.Type, sizeText(fs.CapacityBytes), sizeText(fs.UsedBytes), sizeText(fs.AvailableBytes), usedPercent(fs), inodes,
		})
	}
	w.table(0, "Filesystems", []string{"MOUNTED ON", "DEVICE", "TYPE", "SIZE", "USED", "AVAILABLE", "USED(%)", "INODES(%)"}, rows)
}

// usedPercent is what df shows: of what can be used without privileges, rounded up.
func usedPercent(fs stats.Filesystem) string {
	all := fs.UsedBytes + fs.AvailableBytes
	if all == 0 {
		return "<none>"
	}
	used := float64(fs.UsedBytes) / float64(all) * 100
	whole := int64(used)
	if float64(whole) < used {
		whole++
	}
	return fmt.Sprintf("%d%%", whole)
}
