// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/noded/noded/client"
	"github.com/noded/noded/journal/glob"
	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

const (
	// rateWait is how long the first rates are waited for, rateRetry how often those of the node are asked for.
	rateWait  = 2 * time.Second
	rateRetry = 200 * time.Millisecond
	// oldIntervals is how many intervals old a figure is that is called old.
	oldIntervals = 3
)

// topLook is what was known at one time.
type topLook struct {
	node    string
	machine stats.Machine
	rows    []topRow
	// nodeUsage is what the node uses, if that was asked for beside rows of others.
	nodeUsage *stats.Usage
	problems  []string
	now       time.Time
	interval  time.Duration
	// time tells looks apart: when this one began.
	time time.Time
}

// topRow is what one entity uses.
type topRow struct {
	*stats.Usage
	// cpu is in thousand-millionths of a core; memory and swap are in bytes, network and disk in bytes a second.
	cpu, memory, swap, network, disk amount
	// depth is how many of the rows before it a unit is in, with --tree.
	depth int
}

// rowOf returns the row of an entity. Of a pod it is what its containers use together.
func rowOf(u *stats.Usage) topRow {
	r := topRow{
		Usage:   u,
		cpu:     cores(&u.Rates, metric.CPUUsage),
		memory:  number(&u.Numbers, metric.MemoryWorkingSet),
		swap:    number(&u.Numbers, metric.MemorySwap),
		network: perSecond(&u.Rates, metric.NetworkReceiveBytes).plus(perSecond(&u.Rates, metric.NetworkTransmitBytes)),
		disk:    perSecond(&u.Rates, metric.IOReadBytes).plus(perSecond(&u.Rates, metric.IOWriteBytes)),
	}
	if u.Entity.Key.Kind == stats.KindPod {
		r.cpu, r.memory, r.swap = amount{}, amount{u.Sum.WorkingSet, u.Sum.HasWorkingSet}, amount{u.Sum.Swap, u.Sum.HasSwap}
		if u.Sum.Rated {
			r.cpu = roundedAmount(u.Sum.CPU * 1e9)
		}
	}
	return r
}

// rated reports whether the rate of CPU time is known, or will not be.
func (r *topRow) rated() bool {
	return r.cpu.known || r.Entity.Key.Kind == stats.KindPod && r.Sum.Containers == 0 || r.Entity.Key.Kind != stats.KindPod && !r.Numbers.Has(metric.CPUUsage)
}

// rated reports whether all rates are known that will be: what cannot be read any more gets none.
func (l *topLook) rated() bool {
	return !slices.ContainsFunc(l.rows, func(r topRow) bool { return !r.rated() && !l.old(r.Usage) })
}

// look asks once.
func (f *topFlags) look(ctx context.Context, b statsBackend) (*topLook, error) {
	if f.kind == stats.KindNode {
		n, err := b.NodeStats(ctx)
		if err != nil {
			return nil, err
		}
		if len(f.names) > 0 && f.names[0] != n.Node {
			return nil, &notFoundError{err: fmt.Errorf("node %q not found: this is %s", f.names[0], n.Node), hint: "nodectl top node " + n.Node}
		}
		list := &client.StatsList{Node: n.Node, Usages: []stats.Usage{n.Usage}, Problems: n.Problems, Now: n.Now, Interval: n.Interval}
		return f.lookOf(list, n.Machine), nil
	}
	list, err := b.ListStats(ctx, f.selection())
	if err != nil {
		return nil, err
	}
	return f.lookOf(list, stats.Machine{}), nil
}

// lookOf is what a list has of what the options ask for. machine is what the node has, if rows need it.
func (f *topFlags) lookOf(list *client.StatsList, machine stats.Machine) *topLook {
	l := &topLook{node: list.Node, machine: machine, problems: list.Problems, now: list.Now, interval: list.Interval, time: list.Time}
	for i := range list.Usages {
		u := &list.Usages[i]
		switch {
		case u.Entity.Key.Kind == stats.KindNode:
			l.nodeUsage = u
			if f.kind == stats.KindNode {
				l.rows, l.time = append(l.rows, rowOf(u)), u.Time
			}
		case f.containers && u.Entity.UID == "" && u.Entity.Pod == "":
		default:
			l.rows = append(l.rows, rowOf(u))
		}
	}
	f.sort(l.rows)
	if f.tree {
		treeOf(l.rows)
	}
	return l
}

// treeOf sorts units by path, each one right after what it is in, and sets how deep they are.
func treeOf(rows []topRow) {
	path := func(r *topRow) []string { return strings.Split(r.Entity.Key.ID, "/") }
	slices.SortStableFunc(rows, func(a, b topRow) int { return slices.Compare(path(&a), path(&b)) })
	// around are the paths of what the last row is in, and its own.
	var around []string
	for i := range rows {
		id := rows[i].Entity.Key.ID
		for len(around) > 0 && !strings.HasPrefix(id, around[len(around)-1]+"/") {
			around = around[:len(around)-1]
		}
		rows[i].depth = len(around)
		around = append(around, id)
	}
}

// firstLook asks. If rates of what is new are missing it has noded look once more.
func (f *topFlags) firstLook(ctx context.Context, b statsBackend) (*topLook, error) {
	first, err := f.look(ctx, b)
	if err != nil || first.rated() || f.format == "name" && f.sortBy == "" {
		return first, err
	}
	waiting, cancel := context.WithTimeout(ctx, rateWait)
	defer cancel()
	newest, enough := first, errors.New("enough")
	// What there is without rates is an answer, too, if there is no other.
	_ = f.watchLooks(waiting, b, lookWatch{machine: first.machine}, func(l *topLook) error {
		if newest = l; l.rated() || !l.time.Equal(first.time) {
			return enough
		}
		return nil
	})
	return newest, ctx.Err()
}

// lookWatch is what a watch needs beside the options: what the node has, and who is told of breaks; nil for nobody.
type lookWatch struct {
	machine  stats.Machine
	onBreak  func(client.Break)
	onResume func(client.Resume)
}

// watchLooks calls yield with what is known, and after each look at the node, of which there is one each watchInterval meanwhile.
func (f *topFlags) watchLooks(ctx context.Context, b statsBackend, w lookWatch, yield func(*topLook) error) error {
	req := client.StatsListWatchRequest{OnBreak: w.onBreak, OnResume: w.onResume}
	req.Selection, req.Interval = f.selection(), watchInterval
	return b.WatchStatsList(ctx, req, func(list *client.StatsList) error { return yield(f.lookOf(list, w.machine)) })
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// sort sorts rows as the options say: by name as kubectl does, units by path; or by how much is used.
func (f *topFlags) sort(rows []topRow) {
	if f.sortBy == "" {
		f.sortByName(rows)
		return
	}
	if !f.containers {
		slices.SortStableFunc(rows, func(a, b topRow) int { return moreOf(f.sortBy, &a, &b) })
		return
	}
	// Pods by what they use together, and the containers of each.
	f.sortByName(rows)
	sums := make(map[string]*topRow)
	for i := range rows {
		key := podOf(&rows[i])
		if sums[key] == nil {
			sums[key] = &topRow{}
		}
		sums[key].add(&rows[i])
	}
	slices.SortStableFunc(rows, func(a, b topRow) int {
		if pod := podOf(&a); pod != podOf(&b) {
			return cmp.Or(moreOf(f.sortBy, sums[pod], sums[podOf(&b)]), f.byName(&a, &b))
		}
		return moreOf(f.sortBy, &a, &b)
	})
}

// podOf names the pod of a container.
func podOf(r *topRow) string {
	return r.Entity.Namespace + "/" + r.Entity.Pod + "/" + r.Entity.UID
}

// add adds what another row uses.
func (r *topRow) add(o *topRow) {
	r.cpu, r.memory, r.swap = r.cpu.plus(o.cpu), r.memory.plus(o.memory), r.swap.plus(o.swap)
	r.network, r.disk = r.network.plus(o.network), r.disk.plus(o.disk)
}

// sortByName sorts pods and containers by name. Units stay as they are, by path.
func (f *topFlags) sortByName(rows []topRow) {
	if f.kind != stats.KindUnit {
		slices.SortStableFunc(rows, func(a, b topRow) int { return f.byName(&a, &b) })
	}
}

// byName compares names, of what is in a pod first.
func (f *topFlags) byName(a, b *topRow) int {
	alone := func(r *topRow) int {
		if r.Entity.Key.Kind == stats.KindContainer && r.Entity.Pod == "" {
			return 1
		}
		return 0
	}
	namespace := 0
	if f.withNamespace() {
		namespace = cmp.Compare(a.Entity.Namespace, b.Entity.Namespace)
	}
	return cmp.Or(cmp.Compare(alone(a), alone(b)), namespace, cmp.Compare(podName(a), podName(b)), cmp.Compare(a.Entity.UID, b.Entity.UID),
		cmp.Compare(a.Entity.Name, b.Entity.Name))
}

// podName is the name of the pod that a row is of; empty for what is in none.
func podName(r *topRow) string {
	if r.Entity.Key.Kind == stats.KindPod {
		return r.Entity.Name
	}
	return r.Entity.Pod
}

// moreOf compares how much is used, the greatest first, what is unknown last. CPU counts in millicores, as it is shown.
func moreOf(key string, a, b *topRow) int {
	of := func(r *topRow) amount {
		switch key {
		case sortByCPU:
			return amount{r.cpu.millis(), r.cpu.known}
		case sortByMemory:
			return r.memory
		case sortByNetwork:
			return r.network
		case sortByDisk:
			return r.disk
		}
		return r.swap
	}
	x, y := of(a), of(b)
	if x.known != y.known {
		if x.known {
			return -1
		}
		return 1
	}
	return cmp.Compare(y.value, x.value)
}

// old reports whether a figure is older than it should be.
func (l *topLook) old(u *stats.Usage) bool {
	return l.interval > 0 && !u.Time.IsZero() && l.now.Sub(u.Time) > oldIntervals*l.interval
}

// age is how old a figure is.
func (l *topLook) age(u *stats.Usage) time.Duration { return max(l.now.Sub(u.Time), 0) }

// unmatched tells which patterns no unit matches; it is an error if none does. A name that no unit has is an error of noded's.
func (f *topFlags) unmatched(g *globals, look *topLook) error {
	if f.kind != stats.KindUnit {
		return nil
	}
	for _, p := range f.names {
		switch {
		case slices.ContainsFunc(look.rows, func(r topRow) bool { return glob.Match(p, r.Entity.Name) }):
		case len(look.rows) == 0:
			return &notFoundError{err: fmt.Errorf("no unit matches %s", p), hint: "nodectl top unit"}
		default:
			fmt.Fprintln(g.Err, "no unit matches "+visible(p))
		}
	}
	return nil
}
