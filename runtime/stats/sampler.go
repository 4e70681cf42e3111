// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/noded/noded/runtime/stats/metric"
)

const (
	// minInterval is the least time between two looks. Rates over less are noise.
	minInterval = time.Second
	// minWindow is the least time that a rate is of: looks a second apart read a single cgroup a little earlier or later.
	minWindow = 900 * time.Millisecond
	// lateness is how late a look may be and still count as one in time, so that looks do not drift.
	lateness = 50 * time.Millisecond
	// ratesWait bounds how long Rated waits: a look, another one a second later, and what they take.
	ratesWait = 2 * time.Second
)

// errStopped is what callers get who wait for figures that nobody reads any more.
var errStopped = errors.New("usage figures are not read any more")

// Sampler looks at the node again and again. It is safe for concurrent use.
type Sampler struct {
	// read-only after New
	config Config
	logger *slog.Logger
	// counters are the numbers that have rates, kept those that history gets.
	counters, kept []metric.ID
	// looked is closed after the first look, rated when there are rates, ended when Run has.
	looked, rated, ended chan struct{}
	// wake has a value after the subscribers changed.
	wake chan struct{}

	current atomic.Pointer[Snapshot]
	seldom  atomic.Pointer[seldomFacts]
	// cpus is how many the machine has; 0: not known.
	cpus atomic.Int64

	// mu guards the fields below.
	mu          sync.Mutex
	running     bool
	subscribers map[*subscriber]struct{}
	// unattend ends the subscription to the inventory, which there is while there are subscribers.
	unattend func()
}

type subscriber struct {
	changed  chan struct{}
	interval time.Duration
}

// New returns a Sampler. It starts nothing yet.
func New(c Config) *Sampler {
	if c.Interval == 0 {
		c.Interval = DefaultInterval
	}
	c.Interval = max(c.Interval, minInterval)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Sampler{
		config: c, logger: c.Logger, subscribers: map[*subscriber]struct{}{}, wake: make(chan struct{}, 1),
		looked: make(chan struct{}), rated: make(chan struct{}), ended: make(chan struct{}),
	}
	for id := range metric.Count {
		info := id.Info()
		if info.Counter {
			s.counters = append(s.counters, id)
		}
		if info.History {
			s.kept = append(s.kept, id)
		}
	}
	return s
}

// Run looks until ctx ends, and returns its error when everything that it started has ended. It can be called once.
func (s *Sampler) Run(ctx context.Context) error {
	s.mu.Lock()
	if s.running {
		s.mu.Unlock()
		return errors.New("the sampler runs already")
	}
	s.running = true
	s.mu.Unlock()
	defer close(s.ended)
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() { s.lookSeldom(ctx) })
	l := newLooker(s)
	defer l.close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			l.recordRest()
			return ctx.Err()
		case <-s.wake:
		case <-timer.C:
		}
		interval := s.interval()
		if now := time.Now(); !now.Before(l.next(interval)) && ctx.Err() == nil {
			l.look(ctx, l.punctual(now, interval), interval)
		}
		timer.Reset(max(time.Until(l.next(s.interval())), 0))
	}
}

// interval is how long after one look the next one is due.
func (s *Sampler) interval() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	interval := s.config.Interval
	for sub := range s.subscribers {
		interval = min(interval, sub.interval)
	}
	return interval
}

// publish makes a snapshot the current one and tells of it.
func (s *Sampler) publish(n *Snapshot) {
	s.current.Store(n)
	closeOnce(s.looked)
	if n.Node.Window > 0 || hasRates(n.Usages) {
		closeOnce(s.rated)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := range s.subscribers {
		signal(sub.changed)
	}
}

func hasRates(usages []Usage) bool {
	for i := range usages {
		if usages[i].Window > 0 {
			return true
		}
	}
	return false
}

// closeOnce closes a channel that only its caller closes.
func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

// signal leaves a value in a channel that holds one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Snapshot returns what was found last. It waits for the first look.
func (s *Sampler) Snapshot(ctx context.Context) (*Snapshot, error) {
	select {
	case <-s.looked:
		return s.current.Load(), nil
	default:
	}
	select {
	case <-s.looked:
		return s.current.Load(), nil
	case <-s.ended:
		return nil, errStopped
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Rated returns what was found last. It waits until there are rates, which takes a good second after Run was called and nothing later; if
// there are none for longer it returns what there is.
func (s *Sampler) Rated(ctx context.Context) (*Snapshot, error) {
	select {
	case <-s.rated:
		return s.current.Load(), nil
	default:
	}
	timer := time.NewTimer(ratesWait)
	defer timer.Stop()
	select {
	case <-s.rated:
	case <-timer.C:
	case <-s.ended:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return s.Snapshot(ctx)
}

// Subscribe returns a channel on which a value comes after each look, coalesced, and a function that ends it. Until then the Sampler looks
// at least as often as interval says, but not more often than each second; 0 is content with how often it looks by itself.
func (s *Sampler) Subscribe(interval time.Duration) (changed <-chan struct{}, stop func()) {
	if interval <= 0 {
		interval = s.config.Interval
	}
	sub := &subscriber{changed: make(chan struct{}, 1), interval: max(interval, minInterval)}
	s.mu.Lock()
	s.subscribers[sub] = struct{}{}
	if len(s.subscribers) == 1 && s.config.Inventory != nil {
		// A look takes what the inventory has then, so that nobody waits for its channel.
		_, s.unattend = s.config.Inventory.Subscribe()
	}
	s.mu.Unlock()
	signal(s.wake)
	var once sync.Once
	return sub.changed, func() {
		once.Do(func() {
			s.mu.Lock()
			delete(s.subscribers, sub)
			if len(s.subscribers) == 0 && s.unattend != nil {
				s.unattend()
				s.unattend = nil
			}
			s.mu.Unlock()
			signal(s.wake)
		})
	}
}

// Interval is how often the Sampler looks while nobody wants it more often.
func (s *Sampler) Interval() time.Duration { return s.config.Interval }

// Machine tells what the machine has. Without a Host it is an errors.ErrUnsupported.
func (s *Sampler) Machine() (Machine, error) {
	if s.config.Host == nil {
		return Machine{}, fmt.Errorf("look at the machine: %w", errors.ErrUnsupported)
	}
	m, err := s.config.Host.Machine()
	if m.CgroupVersion == 0 && s.config.Tree != nil {
		m.CgroupVersion = s.config.Tree.Version()
	}
	return m, err
}

// Filesystems returns the filesystems of the node. Without a Host it is an errors.ErrUnsupported.
func (s *Sampler) Filesystems(ctx context.Context) ([]Filesystem, error) {
	if s.config.Host == nil {
		return nil, fmt.Errorf("look at the filesystems: %w", errors.ErrUnsupported)
	}
	return s.config.Host.Filesystems(ctx)
}

const (
	// imagesWithin is how long the runtimes may take to tell where images are, maxImages how many directories of theirs are looked at.
	imagesWithin = 2 * time.Second
	maxImages    = 8
)

// Directories returns what the directories of the kubelet and of images are on. Where the runtimes do not tell, images are looked for where
// they usually are. Without a Host it is an errors.ErrUnsupported.
func (s *Sampler) Directories(ctx context.Context) ([]Directory, error) {
	if s.config.Host == nil {
		return nil, fmt.Errorf("look at the filesystems of directories: %w", errors.ErrUnsupported)
	}
	var images []string
	if s.config.Images != nil {
		within, cancel := context.WithTimeout(ctx, imagesWithin)
		images, _ = s.config.Images(within)
		cancel()
	}
	return s.config.Host.Directories(ctx, images[:min(len(images), maxImages)])
}
