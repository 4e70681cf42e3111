// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/noded/noded/runtime/dirwatch"
	"github.com/noded/noded/runtime/logtree"
	"github.com/noded/noded/runtime/podlog"
)

const (
	// settle is the least time between two snapshots: what comes within it is joined.
	settle = 50 * time.Millisecond
	// firstAnswers is how long the first call of Snapshot waits for the runtimes.
	firstAnswers = 2 * time.Second
	// relist is how often the log tree is listed although nothing told of a change, relistMissing the same while it does not
	// exist or cannot be watched.
	relist        = time.Minute
	relistMissing = 5 * time.Second
	// busy bounds the share of time that goes into making snapshots: after work that took d the next one waits for busy times d,
	// up to longestPause. busyTree and longestTreePause are the same for listing the tree: of 20,000 pods that takes half a second.
	busy             = 8
	longestPause     = 5 * time.Second
	busyTree         = 24
	longestTreePause = 30 * time.Second
	// freshFor is how long a pod that is known by its logs only may still become known to a runtime.
	freshFor = time.Minute
)

// Config says what an inventory is made of.
type Config struct {
	// Sources are the runtimes. What an earlier one says of a pod holds, so the CRI comes before the engine beneath it.
	Sources []Source
	// Tree is the log tree; nil for none.
	Tree *logtree.Tree
	// Hub watches the log tree. nil: Run makes a hub of its own.
	Hub    *dirwatch.Hub
	Logger *slog.Logger
}

// Inventory joins runtimes and the log tree. It is safe for concurrent use.
type Inventory struct {
	// read-only after New
	sources []Source
	tree    tree
	hub     *dirwatch.Hub
	logger  *slog.Logger
	// ready is closed when every runtime has answered, or could not.
	ready chan struct{}
	// wake has a value after a source changed, treeWake after the log tree did.
	wake, treeWake chan struct{}

	current atomic.Pointer[Snapshot]

	// mu guards the fields below.
	mu          sync.Mutex
	running     bool
	subscribers map[chan struct{}]struct{}
}

// tree is what an inventory needs of a log tree.
type tree interface {
	Pods() (pods []logtree.Pod, omitted logtree.Omitted, err error)
	// watch calls changed when it has begun to watch, and after changes, until ctx ends.
	watch(ctx context.Context, hub *dirwatch.Hub, changed func())
	// newestLog is when something was last written to the logs of a pod.
	newestLog(p *Pod) time.Time
}

// New returns an inventory. It starts nothing yet.
func New(c Config) *Inventory {
	i := &Inventory{
		sources: c.Sources, hub: c.Hub, logger: c.Logger,
		ready: make(chan struct{}), wake: make(chan struct{}, 1), treeWake: make(chan struct{}, 1),
		subscribers: map[chan struct{}]struct{}{},
	}
	if i.logger == nil {
		i.logger = slog.New(slog.DiscardHandler)
	}
	if c.Tree != nil {
		i.tree = watchedTree{c.Tree}
	}
	return i
}

// Run keeps the inventory up to date until ctx ends, and returns its error when everything that it started has ended. It can be
// called once.
func (i *Inventory) Run(ctx context.Context) error {
	i.mu.Lock()
	if i.running {
		i.mu.Unlock()
		return errors.New("the inventory runs already")
	}
	i.running = true
	i.mu.Unlock()
	var group sync.WaitGroup
	defer group.Wait()
	for _, s := range i.sources {
		group.Go(func() { s.Run(ctx, func() { signal(i.wake) }) })
	}
	if i.tree != nil {
		hub := i.hub
		if hub == nil {
			hub = dirwatch.NewHub(i.logger)
			defer func() {
				if err := hub.Close(); err != nil {
					i.logger.Warn("close the watches of the log tree", "err", err)
				}
			}()
		}
		group.Go(func() { i.tree.watch(ctx, hub, func() { signal(i.treeWake) }) })
		defer group.Wait() // before the hub is closed
	}
	r := &refresher{inventory: i, treeDirty: true, dirty: true, began: time.Now()}
	r.run(ctx)
	return ctx.Err()
}

// signal leaves a value in a channel that holds one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Snapshot returns what is known now. The first call waits, for a moment, for the runtimes' first answers.
func (i *Inventory) Snapshot(ctx context.Context) (*Snapshot, error) {
	if !i.live() {
		return i.once(), nil
	}
	select {
	case <-i.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	default:
		timer := time.NewTimer(firstAnswers)
		defer timer.Stop()
		select {
		case <-i.ready:
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if s := i.current.Load(); s != nil {
		return s, nil
	}
	return i.once(), nil
}

// live reports whether Run keeps the inventory up to date, or is about to.
func (i *Inventory) live() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.running || len(i.sources) > 0
}

// once makes a snapshot without Run.
func (i *Inventory) once() *Snapshot {
	var pods []logtree.Pod
	var omitted logtree.Omitted
	var err error
	if i.tree != nil {
		pods, omitted, err = i.tree.Pods()
	}
	return i.join(pods, omitted, err)
}

func (i *Inventory) join(pods []logtree.Pod, omitted logtree.Omitted, err error) *Snapshot {
	all := make([]known, len(i.sources))
	for j, s := range i.sources {
		all[j].pods, all[j].containers, all[j].status = s.State()
		if t, ok := s.(Troubled); ok {
			all[j].problems = t.Problems()
		}
	}
	s := join(all, pods, err)
	s.Problems = append(s.Problems, omissions(omitted)...)
	if i.tree != nil {
		s.newestLog = i.tree.newestLog
	}
	return s
}

// Subscribe returns a channel on which a value comes after changes, coalesced, and a function that ends it.
func (i *Inventory) Subscribe() (changed <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	i.mu.Lock()
	i.subscribers[c] = struct{}{}
	if len(i.subscribers) == 1 {
		i.attend(true)
	}
	i.mu.Unlock()
	var once sync.Once
	return c, func() {
		once.Do(func() {
			i.mu.Lock()
			defer i.mu.Unlock()
			delete(i.subscribers, c)
			if len(i.subscribers) == 0 {
				i.attend(false)
			}
		})
	}
}

// attend is called with mu held.
func (i *Inventory) attend(watched bool) {
	for _, s := range i.sources {
		if a, ok := s.(Attentive); ok {
			a.Attend(watched)
		}
	}
}

// refresher makes the snapshots of an Inventory that runs. It belongs to one goroutine.
type refresher struct {
	inventory *Inventory
	began     time.Time
	pods      []logtree.Pod
	omitted   logtree.Omitted
	err       error
	// treeDirty: the tree is to be listed, not before treeNext, and in any case at treeLast. dirty: a snapshot is to be made, not
	// before next.
	treeDirty, dirty         bool
	treeNext, treeLast, next time.Time
	isReady                  bool
}

func (r *refresher) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.inventory.wake:
			r.dirty = true
		case <-r.inventory.treeWake:
			r.treeDirty = true
		case <-timer.C:
		}
		now := time.Now()
		r.dirty = r.dirty || r.due(now)
		if r.inventory.tree != nil && !now.Before(r.treeNext) && (r.treeDirty || !now.Before(r.treeLast)) {
			r.list(now)
		}
		if r.dirty && !now.Before(r.next) {
			r.publish()
		}
		timer.Reset(r.pause())
	}
}

// due reports whether a snapshot says something that time has changed.
func (r *refresher) due(now time.Time) bool {
	if !r.isReady && now.Sub(r.began) >= firstAnswers {
		return true
	}
	if s := r.inventory.current.Load(); s != nil {
		for _, since := range s.fresh {
			if now.Sub(since) > freshFor {
				return true
			}
		}
	}
	return false
}

// pause returns how long nothing is to be done unless something happens.
func (r *refresher) pause() time.Duration {
	at := r.began.Add(firstAnswers)
	if r.isReady {
		at = time.Now().Add(time.Hour)
	}
	earlier := func(t time.Time) {
		if t.Before(at) {
			at = t
		}
	}
	if r.inventory.tree != nil {
		earlier(r.treeLast)
		if r.treeDirty {
			earlier(r.treeNext)
		}
	}
	if r.dirty {
		earlier(r.next)
	}
	if s := r.inventory.current.Load(); s != nil {
		for _, since := range s.fresh {
			earlier(since.Add(freshFor + time.Millisecond))
		}
	}
	return max(time.Until(at), time.Millisecond)
}

// rest returns until when to rest after work that began at a time.
func rest(began time.Time, busy int, longest time.Duration) time.Time {
	now := time.Now()
	return now.Add(min(max(settle, time.Duration(busy)*now.Sub(began)), longest))
}

// list lists the tree.
func (r *refresher) list(began time.Time) {
	pods, omitted, err := r.inventory.tree.Pods()
	if err != nil && !errors.Is(err, fs.ErrNotExist) && r.pods != nil {
		pods, omitted = r.pods, r.omitted // what was there will do until it can be read again
	}
	if errorText(err) != errorText(r.err) || omitted != r.omitted || !reflect.DeepEqual(pods, r.pods) {
		r.dirty = true
	}
	if err != nil && errorText(err) != errorText(r.err) {
		r.inventory.logger.Info("the log tree cannot be listed", "err", err)
	}
	if omitted != r.omitted {
		r.inventory.logger.Debug("the list of the log tree leaves something out", "names", omitted.Names, "unreadable", omitted.Unreadable, "full", omitted.Full)
	}
	r.pods, r.omitted, r.err, r.treeDirty, r.treeNext = pods, omitted, err, false, rest(began, busyTree, longestTreePause)
	again := relist
	if err != nil {
		again = relistMissing
	}
	r.treeLast = time.Now().Add(max(again, 500*time.Since(began)))
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// publish makes a snapshot and tells the subscribers.
func (r *refresher) publish() {
	i, began := r.inventory, time.Now()
	s := i.join(r.pods, r.omitted, r.err)
	s.fresh = freshPods(s, i.current.Load(), began)
	i.current.Store(s)
	r.dirty, r.next = false, rest(began, busy, longestPause)
	r.treeDirty = r.treeDirty || unlisted(s)
	if !r.isReady && (answered(s) || time.Since(r.began) >= firstAnswers) {
		r.isReady = true
		close(i.ready)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for c := range i.subscribers {
		signal(c)
	}
}

// unlisted reports whether a runtime tells of a run whose file was not there when the tree was listed: nothing tells of new files.
func unlisted(s *Snapshot) bool {
	for i := range s.Pods {
		for j := range s.Pods[i].Containers {
			c := &s.Pods[i].Containers[j]
			if c.Runtime != "" && c.State != ContainerCreated && c.Log != nil && c.Log.Layout == podlog.LayoutCRI &&
				!slices.Contains(c.LoggedRuns, c.Run) {
				return true
			}
		}
	}
	return false
}

// answered reports whether every runtime has answered, or could not.
func answered(s *Snapshot) bool {
	for j := range s.Runtimes {
		if r := &s.Runtimes[j]; r.Since.IsZero() && r.Err == nil {
			return false
		}
	}
	return true
}

// freshPods returns the pods that are known by their logs only and were not known at all a moment ago.
func freshPods(s, before *Snapshot, now time.Time) map[podKey]time.Time {
	if before == nil {
		return nil
	}
	knew := make(map[podKey]bool, len(before.Pods))
	for i := range before.Pods {
		knew[keyOf(&before.Pods[i])] = true
	}
	var fresh map[podKey]time.Time
	for i := range s.Pods {
		p := &s.Pods[i]
		key := keyOf(p)
		since, was := before.fresh[key]
		switch {
		case !p.LogsOnly || knew[key] && !was:
			continue
		case !was:
			since = now
		case now.Sub(since) > freshFor:
			continue
		}
		if fresh == nil {
			fresh = map[podKey]time.Time{}
		}
		fresh[key] = since
	}
	return fresh
}
