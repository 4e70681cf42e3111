// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/noded/noded/runtime/stats/metric"
)

const (
	// busyListing bounds the share of time that goes into listing the cgroups: after a listing that took d the next one waits for
	// busyListing times d, up to longestListing, unless the inventory has changed.
	busyListing    = 300
	longestListing = 30 * time.Second
	// busyLook does so for all else: after a look that read for d the next one waits for busyLook times d, whatever the interval is.
	busyLook = 2
	// namesWait is how long a look waits for an inventory whose runtimes have not answered yet.
	namesWait = 300 * time.Millisecond
	// staleLooks is how many looks a figure lasts that cannot be read any more.
	staleLooks = 3
	// ctxEvery is after how many cgroups a look asks whether it is still wanted.
	ctxEvery = 256
)

// slotKey tells slots apart.
type slotKey struct {
	path string
	kind Kind
	id   string
}

// slot is what is kept of something from look to look.
type slot struct {
	key    slotKey
	entity *Entity
	// group is open if it could be opened last.
	group Group
	// inode and generation are of what was read last; known is false before.
	known      bool
	inode      uint64
	generation uint64
	// last is in the last snapshot; nil if there is nothing of it. read is when it was read, for as long as time goes on.
	last *Usage
	read time.Time
	// pid is a process of a container that runs; 0 if it is not known. wired is the pid that has a network which is not the node's, alone: the
	// container is in no pod.
	pid, wired int
	alone      bool
	// sandbox is that of a pod; rewired: it is another one, and so is its network.
	sandbox string
	rewired bool
	past    past
}

// looker reads everything again and again. It belongs to one goroutine.
type looker struct {
	sampler *Sampler
	tree    Tree
	host    Host

	names *names
	paths []string
	slots map[slotKey]*slot
	plan  *plan
	// planned is false if the plan is of other paths or names.
	planned bool
	// listed is when the cgroups were listed last, listing how long it took, listError what came of it.
	listed    time.Time
	listing   time.Duration
	listError error

	node slot
	// wall is the wall clock at this look, booted what it was at the boot; zero if that is not known.
	wall, booted time.Time
	// began is when the last look began, ended when it had read everything, for which it took reading. fresh: it found what there was nothing of before, follow: it
	// followed one that did.
	began, ended  time.Time
	reading       time.Duration
	fresh, follow bool
	// now is when this look began, interval what is between two looks now.
	now      time.Time
	interval time.Duration
	// counted is when the processors were counted last because of a rate.
	counted time.Time
	// recorded is when all figures were appended to history last.
	recorded time.Time
	values   []HistoryValue
	network  metric.Set
	// failed is how many cgroups could not be read at this look, failure why the first one could not.
	failed   int
	failure  error
	sequence uint64
	problems []string
}

func newLooker(s *Sampler) *looker {
	return &looker{
		sampler: s, tree: s.config.Tree, host: s.config.Host, names: namesOf(nil), slots: map[slotKey]*slot{}, plan: &plan{},
		node: slot{entity: &Entity{Key: Key{Kind: KindNode}, Name: s.config.Node, Cgroup: "/"}, past: past{name: historyNode}},
	}
}

// close closes what is open.
func (l *looker) close() {
	for _, s := range l.slots {
		s.close()
	}
}

func (s *slot) close() {
	if s.group != nil {
		s.group.Close()
		s.group = nil
	}
}

// end is called when something is there no more.
func (l *looker) end(s *slot) {
	l.recordLast(s)
	s.close()
}

// next is when the next look is due. One that found something new is followed by another a second after it has read that, so that there are
// rates at once, also if it had to wait for names. Where a look takes long, what follows comes later.
func (l *looker) next(interval time.Duration) time.Time {
	due := l.began.Add(interval)
	if l.fresh {
		due = l.ended.Add(minInterval)
	}
	if rested := l.ended.Add(busyLook * l.reading); rested.After(due) {
		return rested
	}
	return due
}

// punctual is when a look that is to begin now was due, or now if it is late.
func (l *looker) punctual(now time.Time, interval time.Duration) time.Time {
	if due := l.next(interval); !l.began.IsZero() && now.Sub(due) < lateness {
		return due
	}
	return now
}

// look reads everything once.
func (l *looker) look(ctx context.Context, now time.Time, interval time.Duration) {
	l.follow = l.fresh
	l.now, l.began, l.interval, l.fresh, l.failed, l.failure = now, now, interval, false, 0, nil
	l.wall = l.sampler.config.Now().Round(0)
	snapshot := &Snapshot{Time: l.wall, Interval: interval}
	l.readNode(&snapshot.Node)
	l.identify(ctx)
	began := time.Now() // waiting for names costs nothing
	l.discover()
	if !l.planned {
		l.replan()
		l.planned = true
	}
	usages := l.readAll(ctx)
	l.ended = time.Now()
	l.reading = l.ended.Sub(began)
	if ctx.Err() != nil {
		return
	}
	l.fresh = l.fresh && !l.follow
	snapshot.Usages, snapshot.names = usages, l.names.known
	snapshot.Problems, snapshot.Incomplete = l.troubles()
	l.sequence++
	snapshot.Sequence = l.sequence
	l.record()
	l.sampler.publish(snapshot)
}

// identify asks who is who.
func (l *looker) identify(ctx context.Context) {
	if l.sampler.config.Inventory == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, namesWait)
	defer cancel()
	known, err := l.sampler.config.Inventory.Snapshot(ctx)
	if err != nil || known == l.names.known {
		return // what was known before will do
	}
	l.names, l.planned = namesOf(known), false
}

// discover lists the cgroups.
func (l *looker) discover() {
	pause := min(busyListing*l.listing, longestListing)
	if l.tree == nil || !l.listed.IsZero() && l.planned && l.now.Sub(l.listed) < pause {
		return
	}
	began := time.Now()
	paths, err := l.tree.List()
	l.listed, l.listing, l.listError = l.now, time.Since(began), err
	if err != nil && len(paths) == 0 {
		return // those that were there will do
	}
	if !slices.Equal(paths, l.paths) {
		l.paths, l.planned = paths, false
	}
}

// readNode reads the node.
func (l *looker) readNode(u *Usage) {
	s := &l.node
	u.Entity = s.entity
	if l.host == nil {
		return
	}
	r, err := l.host.Read(&u.Numbers)
	if err != nil {
		l.fail(err)
		if r.Boot == 0 || !u.Numbers.Has(metric.CPUUsage) && !u.Numbers.Has(metric.MemoryUsage) {
			*u = Usage{Entity: s.entity}
			l.keep(s, u)
			return
		}
	}
	u.Time, u.Boot = r.Time, r.Boot
	l.booted = r.Time.Add(-r.Boot).Round(0)
	if d := l.booted.Sub(s.entity.Started); d.Abs() > 2*time.Second { // the wall clock was set
		e := *s.entity
		e.Started = l.booted
		s.entity = &e
	}
	l.finish(s, u, 0)
}

// readAll reads what is planned.
func (l *looker) readAll(ctx context.Context) []Usage {
	usages := make([]Usage, l.plan.size())
	n := 0
	for _, p := range l.plan.pods {
		n = l.readPod(p, usages, n)
		if ctx.Err() != nil {
			return nil
		}
	}
	for _, list := range [][]*slot{l.plan.containers, l.plan.units} {
		for i, s := range list {
			if i%ctxEvery == 0 && ctx.Err() != nil {
				return nil
			}
			if l.readSlot(s, &usages[n]) {
				n++
			}
		}
	}
	return usages[:n:n]
}

// readPod reads a pod and its containers into usages from n on, and returns where the next one comes.
func (l *looker) readPod(p *podPlan, usages []Usage, n int) int {
	pod, s := &usages[n], p.slot
	r, state := l.fetch(s, pod)
	if state == readDone {
		l.readPodNetwork(p, pod)
		l.finish(s, pod, r.Inode)
	}
	first := n + 1
	n = first
	var sum Sum
	for _, c := range p.containers {
		if l.readSlot(c, &usages[n]) {
			sum.add(&usages[n])
			n++
		}
	}
	if state == readNone {
		if n == first {
			*pod = Usage{}
			s.last = nil
			return n - 1
		}
		// It has no cgroup of its own, and was read when its last container was.
		*pod = Usage{Time: usages[n-1].Time, Boot: usages[n-1].Boot}
		l.readPodNetwork(p, pod)
		l.finish(s, pod, 0)
	}
	pod.Sum = sum
	return n
}

// add adds what a container uses.
func (sum *Sum) add(u *Usage) {
	first := sum.Containers == 0
	sum.Containers++
	cpu, rated := u.Rates.Get(metric.CPUUsage)
	sum.CPU += cpu
	sum.Rated = rated && (first || sum.Rated)
	workingSet, ok := u.Numbers.Get(metric.MemoryWorkingSet)
	sum.WorkingSet += workingSet
	sum.HasWorkingSet = ok && (first || sum.HasWorkingSet)
	swap, ok := u.Numbers.Get(metric.MemorySwap)
	sum.Swap += swap
	sum.HasSwap = ok && (first || sum.HasSwap)
}

// readSlot reads a container or a unit, and reports whether there are figures.
func (l *looker) readSlot(s *slot, u *Usage) bool {
	r, state := l.fetch(s, u)
	if state == readDone {
		if s.key.kind == KindContainer {
			l.sampler.seldom.Load().put(s.key.id, &u.Numbers)
			if s.alone {
				l.readNetwork(s, u)
			}
		}
		l.finish(s, u, r.Inode)
	}
	return state != readNone
}

// readState is what came of reading a cgroup.
type readState uint8

const (
	// readNone: there is nothing of it.
	readNone readState = iota
	// readKept: it could not be read, and stays as it was.
	readKept
	readDone
)

// fetch reads a cgroup.
func (l *looker) fetch(s *slot, u *Usage) (Reading, readState) {
	if s.key.path == "" {
		return Reading{}, readNone
	}
	var r Reading
	err := fs.ErrNotExist
	if s.group != nil {
		r, err = s.group.Read(&u.Numbers)
	}
	if errors.Is(err, fs.ErrNotExist) { // there may be another one at its path
		s.close()
		*u = Usage{}
		if s.group, err = l.tree.Open(s.key.path); err == nil {
			r, err = s.group.Read(&u.Numbers)
		} else {
			s.group = nil
		}
	}
	switch {
	case err == nil:
		u.Time, u.Boot = r.Time, r.Boot
		return r, readDone
	case errors.Is(err, fs.ErrNotExist):
		// It has ended, which the next listing will show.
		l.recordLast(s)
		s.close()
		*u = Usage{}
		s.last = nil
		return Reading{}, readNone
	}
	l.fail(fmt.Errorf("%s: %w", s.key.path, err))
	*u = Usage{}
	if !l.keep(s, u) {
		return Reading{}, readNone
	}
	return Reading{}, readKept
}

// keep keeps what was read of something before, with its own time, unless that is too long ago.
func (l *looker) keep(s *slot, u *Usage) bool {
	if s.last == nil || l.now.Sub(s.read) > staleLooks*l.interval+l.interval/2 {
		s.last = nil
		return false
	}
	*u = *s.last
	u.Entity = s.entity
	s.last = u
	return true
}

func (l *looker) fail(err error) {
	if l.failed == 0 {
		l.failure = err
	}
	l.failed++
}

// readPodNetwork reads the network of a pod by a process of one of its containers.
func (l *looker) readPodNetwork(p *podPlan, u *Usage) {
	if p.known == nil || p.known.HostNetwork {
		return
	}
	for _, c := range p.containers {
		if l.readNetwork(c, u) {
			return
		}
	}
}

// readNetwork reads the network that a container is in, unless it is that of the node. The pid of a container that ended may be any
// process by now.
func (l *looker) readNetwork(c *slot, u *Usage) bool {
	if l.host == nil || c.pid <= 0 {
		return false
	}
	if c.wired != c.pid {
		if of, err := l.host.HostNetwork(c.pid); err != nil || of {
			return false
		}
	}
	l.network.Reset()
	if err := l.host.Network(c.pid, &l.network); err != nil {
		return false
	}
	// If it is in there after the figures were read it was while they were.
	if is, err := l.host.InContainer(c.pid, c.key.id); err != nil || !is {
		c.wired = 0
		return false
	}
	c.wired = c.pid
	u.Numbers.Merge(&l.network)
	return true
}

// problem is what is known only in part, and why.
type problem struct {
	text string
	// figures are missing, not only names.
	figures bool
}

// troubles says what is known only in part, and whether figures are among it.
func (l *looker) troubles() (out []string, incomplete bool) {
	for _, p := range append(l.missingFigures(), l.names.troubles(l.plan.nameless)...) {
		out = append(out, p.text)
		incomplete = incomplete || p.figures
	}
	if slices.Equal(out, l.problems) {
		return l.problems, incomplete // so that there are not two of the same
	}
	l.problems = out
	return out, incomplete
}

func (l *looker) missingFigures() (out []problem) {
	add := func(format string, args ...any) { out = append(out, problem{fmt.Sprintf(format, args...), true}) }
	if l.tree == nil {
		add("there are no cgroups that can be read: only the node itself has figures")
	} else if l.listError != nil {
		add("the cgroups cannot all be listed: %v", l.listError)
	}
	if l.host == nil {
		add("the node itself cannot be read: it has no figures, and pods have no network")
	}
	if l.failed > 0 {
		add("%d of the figures cannot be read, the first of them because of %v", l.failed, l.failure)
	}
	return out
}
