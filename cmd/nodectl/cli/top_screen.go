// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
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
	// view is what has rows, sortBy how they are sorted: empty for by name.
	view   stats.Kind
	sortBy string
	// filter is what names must contain; typing tells that it is being typed.
	filter string
	typing bool
	paused bool
	// first is the number of the first row that is shown, page how many fit.
	first, page int
	// node and look are of the newest frame that was taken; look is nil until the first of this view.
	node *client.NodeStats
	look *topLook
	err  error
	// traces are what was used before, for the sparklines.
	traces map[stats.Key]*trace

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
}

// checkTerminal refuses terminals that tcell has no description of: it would run a program to look for one.
func (g *globals) checkTerminal() error {
	if g.os == "windows" {
		return nil
	}
	name := g.Getenv("TERM")
	if _, err := terminfo.LookupTerminfo(name); err != nil {
		return &usageError{err: fmt.Errorf("a terminal of type %q is not known", name), hint: "TERM=xterm-256color, or without a terminal: nodectl top ... --watch | cat"}
	}
	return nil
}

// runScreen shows the screen until it is left.
func (f *topFlags) runScreen(ctx context.Context, g *globals, b statsBackend, look *topLook) error {
	if err := g.checkTerminal(); err != nil {
		return err
	}
	// What the machine has does not change on the way.
	node, err := b.NodeStats(ctx)
	if err != nil {
		return err
	}
	look.nodeUsage = &node.Usage
	screen, err := tcell.NewScreen()
	if err != nil {
		return fmt.Errorf("open the terminal: %w", err)
	}
	if err := screen.Init(); err != nil {
		return fmt.Errorf("open the terminal: %w", err)
	}
	s := newLiveScreen(f, screen, node)
	s.take(frame{view: s.view, look: look})
	return s.run(ctx, b)
}

func newLiveScreen(f *topFlags, screen tcell.Screen, node *client.NodeStats) *liveScreen {
	return &liveScreen{
		flags: f, screen: screen, node: node, view: f.rowKind(), sortBy: f.sortBy, traces: make(map[stats.Key]*trace),
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
	looks := make(chan struct{}, 1)
	started.Go(func() { s.guard(func() { s.watch(fetchCtx, b, looks) }) })
	started.Go(func() { s.guard(func() { s.fetch(fetchCtx, b, looks) }) })
	started.Go(func() { s.screen.ChannelEvents(events, quit) })
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

// watch tells of looks at the node; what it cannot do it tells as a frame, and tries again.
func (s *liveScreen) watch(ctx context.Context, b statsBackend, looks chan<- struct{}) {
	for ctx.Err() == nil {
		err := watchLooks(ctx, b, watchInterval, func() error {
			select {
			case looks <- struct{}{}:
			default:
			}
			return nil
		})
		if err != nil {
			s.send(ctx, frame{err: err})
		}
		pause(ctx, watchInterval)
	}
}

// fetch asks after each look, and when there is another view.
func (s *liveScreen) fetch(ctx context.Context, b statsBackend, looks <-chan struct{}) {
	view := s.flags.rowKind()
	for {
		select {
		case <-ctx.Done():
			return
		case view = <-s.views:
		case <-looks:
		}
		s.send(ctx, s.ask(ctx, b, view))
	}
}

// ask asks for what a view shows, in one call.
func (s *liveScreen) ask(ctx context.Context, b statsBackend, view stats.Kind) frame {
	f := s.flags.inView(view)
	f.withNode = true
	look, err := f.look(ctx, b)
	return frame{view: view, look: look, err: err}
}

// send hands a frame over, unless ctx ends.
func (s *liveScreen) send(ctx context.Context, f frame) {
	select {
	case s.frames <- f:
	case <-ctx.Done():
	}
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

// inView are the options for another view: what was named is kept where it can mean the same.
func (f *topFlags) inView(view stats.Kind) *topFlags {
	v := *f
	v.kind, v.containers, v.sortBy = view, false, ""
	inPods := func(kind stats.Kind) bool { return kind == stats.KindPod || kind == stats.KindContainer }
	if view != f.kind && (!inPods(view) || !inPods(f.kind)) {
		v.names = nil
	}
	if view != stats.KindContainer {
		v.ids = nil
	}
	return &v
}

// take takes a frame, unless the screen is paused or shows something else by now.
func (s *liveScreen) take(f frame) {
	if f.err != nil {
		s.err = f.err
		return
	}
	if s.paused || f.view != s.view {
		return
	}
	s.err, s.look = nil, f.look
	s.node.Now = f.look.now
	if u := f.look.nodeUsage; u != nil {
		s.node.Usage = *u
		s.record(u.Entity, rowOf(u).cpu, u.Time)
	}
	for i := range f.look.rows {
		r := &f.look.rows[i]
		s.record(r.Entity, r.cpu, r.Time)
	}
	s.forget()
}

// show changes the view.
func (s *liveScreen) show(view stats.Kind) {
	if view == s.view {
		return
	}
	s.view, s.look, s.first = view, nil, 0
	select {
	case <-s.views:
	default:
	}
	s.views <- view
}
