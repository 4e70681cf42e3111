// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/gdamore/tcell/v2/terminfo"

	"github.com/noded/noded/client"
	"github.com/noded/noded/runtime/stats"
)

// liveScreen is the screen of nodectl top --watch. It belongs to the goroutine of run, but for the channels.
type liveScreen struct {
	flags  *topFlags
	screen tcell.Screen
	// suspend stops the program until it is to go on.
	suspend func() error
	// view is what has rows, sortBy how they are sorted: empty for by name.
	view   stats.Kind
	sortBy string
	// filter is what names must contain; typing tells that it is being typed.
	filter string
	typing bool
	paused bool
	// help: the keys are explained instead of rows.
	help bool
	// first is the number of the first row that is shown, page how many fit.
	first, page int
	// node and look are of the newest frame that was taken, which came at taken; look is nil until the first of this view.
	node  *client.NodeStats
	look  *topLook
	taken time.Time
	// held are the frames that came while the screen was paused, the newest last.
	held []frame
	// err is what is wrong now.
	err error
	// traces are what was used before, for the sparklines.
	traces map[stats.Key]*trace
	// widths are those of columns of names by their titles: what was needed in this view so far.
	widths map[string]int

	// views tells the fetcher what to ask for: the newest word counts.
	views chan stats.Kind
	// frames are what it got. It waits until a frame is taken.
	frames chan frame
}

// frame is what was known at one time, or why nothing is.
type frame struct {
	view stats.Kind
	look *topLook
	err  error
	// at is when it came.
	at time.Time
}

// runScreen shows the screen until it is left.
func (f *topFlags) runScreen(ctx context.Context, g *globals, b statsBackend, terminal *terminfo.Terminfo) error {
	if f.noHeaders {
		return &usageError{err: errors.New("--no-headers cannot be used with a live screen"), hint: "nodectl top ... --watch --no-headers | cat"}
	}
	look, err := f.look(ctx, b)
	if err != nil {
		return err
	}
	if err := f.unmatched(g, look); err != nil {
		return err
	}
	// What the machine has does not change on the way.
	node, err := b.NodeStats(ctx)
	if err != nil {
		return err
	}
	look.nodeUsage = &node.Usage
	screen, err := openScreen(terminal)
	if err != nil {
		return err
	}
	s := newLiveScreen(f, screen, node)
	s.take(frame{view: s.view, look: look, at: time.Now()})
	return s.run(ctx, b)
}

func newLiveScreen(f *topFlags, screen tcell.Screen, node *client.NodeStats) *liveScreen {
	return &liveScreen{
		flags: f, screen: screen, suspend: suspendProcess, node: node, view: f.rowKind(), sortBy: f.sortBy,
		traces: make(map[stats.Key]*trace), widths: make(map[string]int),
		views: make(chan stats.Kind, 1), frames: make(chan frame),
	}
}

// run shows the screen until a key or ctx ends it. It closes the screen, also on a panic.
func (s *liveScreen) run(ctx context.Context, b statsBackend) error {
	defer s.screen.Fini()
	fetchCtx, cancel := context.WithCancel(ctx)
	var started sync.WaitGroup
	events, quit := make(chan tcell.Event), make(chan struct{})
	defer func() {
		cancel()
		close(quit)
		started.Wait()
	}()
	started.Go(func() { s.guard(func() { s.fetch(fetchCtx, b) }) })
	started.Go(func() { s.screen.ChannelEvents(events, quit) })
	// What is not heard of becomes old, without a frame that says so.
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		s.draw()
		select {
		case event, ok := <-events:
			if !ok {
				return nil
			}
			if end, err := s.handle(event); end || err != nil {
				return err
			}
		case f := <-s.frames:
			s.take(f)
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// guard gives the terminal back if work panics: the program ends then.
func (s *liveScreen) guard(work func()) {
	ended := false
	defer func() {
		if !ended {
			s.screen.Fini()
		}
	}()
	work()
	ended = true
}

// fetch sends what is known of the view after each look at the node, and why nothing is, until ctx ends.
func (s *liveScreen) fetch(ctx context.Context, b statsBackend) {
	view, wait := s.flags.rowKind(), watchInterval
	for ctx.Err() == nil {
		viewCtx, cancel := context.WithCancel(ctx)
		ended := make(chan bool, 1)
		go s.guard(func() { ended <- s.fetchView(viewCtx, b, view) })
		select {
		case view = <-s.views:
			cancel()
			<-ended
			wait = watchInterval
			continue
		case got := <-ended:
			cancel()
			if got {
				wait = watchInterval
			}
		}
		// It ended by itself, and begins again, less and less often while it is refused.
		timer := time.NewTimer(wait)
		select {
		case view = <-s.views:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		wait = min(2*wait, maxFetchWait)
	}
}

// maxFetchWait is the longest time until what was refused is asked for again.
const maxFetchWait = 10 * time.Second

// fetchView sends what is known of a view until ctx ends or it fails. got tells that there was anything.
func (s *liveScreen) fetchView(ctx context.Context, b statsBackend, view stats.Kind) (got bool) {
	f := s.flags.inView(view)
	f.withNode = true
	fail := func(err error) { s.send(ctx, frame{view: view, err: err}) }
	w := lookWatch{machine: s.node.Machine, onBreak: func(b client.Break) { fail(fmt.Errorf("noded went away: %w", b.Cause)) }}
	err := f.watchLooks(ctx, b, w, func(look *topLook) error {
		got = true
		s.send(ctx, frame{view: view, look: look, at: time.Now()})
		return nil
	})
	if err != nil && ctx.Err() == nil {
		fail(err)
	}
	return got
}

// send hands a frame over, unless ctx ends.
func (s *liveScreen) send(ctx context.Context, f frame) {
	select {
	case s.frames <- f:
	case <-ctx.Done():
	}
}

// inView are the options for another view: what was named is kept where it can mean the same.
func (f *topFlags) inView(view stats.Kind) *topFlags {
	v := *f
	v.sortBy = ""
	if f.containers && view == stats.KindContainer {
		return &v
	}
	v.kind, v.containers = view, false
	inPods := func(kind stats.Kind) bool { return kind == stats.KindPod || kind == stats.KindContainer }
	if view != f.kind && (!inPods(view) || !inPods(f.kind)) {
		v.names = nil
	}
	if view != stats.KindContainer {
		v.ids = nil
	}
	return &v
}

// take takes a frame, unless the screen shows something else by now. While it is paused only the first one of a view is shown.
func (s *liveScreen) take(f frame) {
	switch {
	case f.view != s.view:
		return
	case f.err != nil:
		s.err = f.err
		return
	}
	s.err = nil
	if s.paused && s.look != nil {
		s.held = append(s.held, f)
		if len(s.held) > sparkWidth {
			s.held = s.held[1:]
		}
		return
	}
	s.look, s.taken = f.look, f.at
	s.node.Now = f.look.now
	if u := f.look.nodeUsage; u != nil {
		s.node.Usage = *u
		s.record(u.Entity, rowOf(u).cpu, u.Time)
	}
	for i := range f.look.rows {
		r := &f.look.rows[i]
		s.record(r.Entity, r.cpu, r.Time)
	}
	s.forget(f.look.now)
	s.measure()
}

// pause holds the screen, or has it go on with what came meanwhile.
func (s *liveScreen) pause() {
	s.paused = !s.paused
	held := s.held
	s.held = nil
	for _, f := range held {
		s.take(f)
	}
}

// silence is how long noded has said nothing, if that is longer than it should be.
func (s *liveScreen) silence() time.Duration {
	if s.look == nil || s.paused {
		return 0
	}
	if d := time.Since(s.taken); d > oldIntervals*max(s.look.interval, watchInterval) {
		return d
	}
	return 0
}

// old reports whether the figures of a row are older than they should be, by the time that has gone by since they came.
func (s *liveScreen) old(r *topRow) bool {
	late := *s.look
	if !s.paused {
		late.now = late.now.Add(time.Since(s.taken))
	}
	return s.err != nil || late.old(r.Usage)
}

// show changes the view.
func (s *liveScreen) show(view stats.Kind) {
	if view == s.view {
		return
	}
	s.view, s.look, s.held, s.err, s.first = view, nil, nil, nil, 0
	clear(s.widths)
	select {
	case <-s.views:
	default:
	}
	s.views <- view
}

// stop gives the terminal back and stops the program until it is to go on.
func (s *liveScreen) stop() error {
	if err := s.screen.Suspend(); err != nil {
		return fmt.Errorf("give the terminal back: %w", err)
	}
	err := s.suspend()
	if resumeErr := s.screen.Resume(); resumeErr != nil {
		return fmt.Errorf("open the terminal: %w", resumeErr)
	}
	if err != nil {
		s.err = fmt.Errorf("stop nodectl: %w", err)
	}
	return nil
}
