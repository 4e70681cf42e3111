// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/noded/noded/runtime/inventory"
)

const (
	// namespaceCRI is the namespace of containerd that its CRI uses.
	namespaceCRI = "k8s.io"
	// firstRetry and lastRetry bound the time between attempts to reach a runtime that is away.
	firstRetry = 200 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// Config says which runtime is asked.
type Config struct {
	// Socket is the path of its socket.
	Socket string
	Logger *slog.Logger
	// Namespace is that of containerd in which the events are; empty: k8s.io.
	Namespace string
	// Timeout is how long an answer may take; zero: 10 seconds.
	Timeout time.Duration
}

// New returns a source. It connects when it is run.
func New(c Config) inventory.Source {
	s := newSource(c)
	s.status = inventory.RuntimeStatus{Name: suggestedName(c.Socket), Socket: c.Socket}
	return s
}

func newSource(c Config) *source {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Namespace == "" {
		c.Namespace = namespaceCRI
	}
	if c.Timeout <= 0 {
		c.Timeout = callTimeout
	}
	return &source{config: c, attended: make(chan struct{}, 1), store: newStore()}
}

// source implements inventory.Source, inventory.Attentive, inventory.Troubled and inventory.Stored.
type source struct {
	// read-only after New
	config Config
	// find looks for the socket at its usual place; nil if it was named.
	find func() (string, error)
	// attended has a value after Attend; watched is what it was told.
	attended chan struct{}
	watched  atomic.Bool
	// store is only used by Run.
	store *store

	// mu guards the fields below.
	mu       sync.Mutex
	pods     []inventory.Pod
	problems []string
	status   inventory.RuntimeStatus
	// conn is the connection to a runtime that has answered; nil for none.
	conn *conn
}

// State implements inventory.Source.
func (s *source) State() ([]inventory.Pod, []inventory.Container, inventory.RuntimeStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pods, nil, s.status
}

// Attend implements inventory.Attentive.
func (s *source) Attend(watched bool) {
	s.watched.Store(watched)
	select {
	case s.attended <- struct{}{}:
	default:
	}
}

// Run implements inventory.Source.
func (s *source) Run(ctx context.Context, changed func()) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var pause time.Duration
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		began := time.Now()
		lasted, err := s.connect(ctx, changed)
		if ctx.Err() != nil {
			return
		}
		if lasted && !errors.Is(err, errNoAnswer) {
			// It answered until now: most likely it is being restarted, or only its events ended.
			s.config.Logger.Debug("connection to the runtime ended", "socket", s.config.Socket, "err", err)
		} else {
			s.fail(err, changed)
		}
		pause = min(max(2*pause, firstRetry), lastRetry)
		if time.Since(began) > lastRetry {
			pause = firstRetry
		}
		timer.Reset(pause - rand.N(pause/4)) // jitter
	}
}

// fail notes that the runtime does not answer.
func (s *source) fail(err error, changed func()) {
	s.mu.Lock()
	was, since := s.status.Err, s.status.Since
	s.status.Err, s.status.Events, s.problems = err, false, nil
	if s.find != nil && errors.Is(err, fs.ErrNotExist) && len(s.pods) == 0 {
		// It is not on this machine any more, and takes nothing with it.
		s.status.Since, s.status.Version = time.Time{}, ""
	}
	name := s.status.Name
	s.mu.Unlock()
	if was != nil && was.Error() == err.Error() {
		return
	}
	level := slog.LevelWarn
	if errors.Is(err, fs.ErrNotExist) && since.IsZero() {
		level = slog.LevelInfo
		if s.find != nil {
			level = slog.LevelDebug // most machines have one of the usual ones
		}
	}
	s.config.Logger.Log(context.Background(), level, "the container runtime does not answer", "runtime", name, "err", err)
	changed()
}

// connect serves one connection until it ends. lasted: the runtime answered for a time.
func (s *source) connect(ctx context.Context, changed func()) (lasted bool, err error) {
	if s.find == nil {
		return s.connectTo(ctx, s.config.Socket, changed)
	}
	socket, err := s.find()
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	s.status.Socket = socket
	s.mu.Unlock()
	lasted, err = s.connectTo(ctx, socket, changed)
	return lasted, usual(err)
}

func (s *source) connectTo(ctx context.Context, socket string, changed func()) (lasted bool, err error) {
	c, err := dial(socket, s.config.Timeout)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer func() {
		cancel()
		group.Wait()
		if err := c.Close(); err != nil {
			s.config.Logger.Debug("close the connection to the runtime", "err", err)
		}
	}()
	version, err := ask(ctx, c, c.runtime.Version, &runtimeapi.VersionRequest{})
	if err != nil {
		return false, c.explain(err)
	}
	s.setConnection(c)
	defer s.setConnection(nil)
	session := &session{
		source: s, conn: c, store: s.store, hints: newHints(), changed: changed, pending: map[string]*pending{},
		name: clip(version.GetRuntimeName(), 64), version: clip(version.GetRuntimeVersion(), 64), socket: socket,
		containerd: version.GetRuntimeName() == nameContainerd,
	}
	session.events = session.containerd
	if session.name == "" {
		session.name = suggestedName(socket)
	}
	// Events first, so that nothing falls between the list and them.
	group.Go(func() {
		if session.containerd {
			watchContainerd(ctx, c, s.config.Namespace, session.hints)
		} else {
			watchCRI(ctx, c, session.hints)
		}
	})
	return session.run(ctx)
}

// publish hands out what is known now if that changed, and reports whether it did.
func (s *source) publish(e *session, changed bool) bool {
	problems := s.store.problems(e.name)
	var pods []inventory.Pod
	if changed {
		pods = s.store.pods(e.name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if changed {
		s.pods = pods
	}
	changed = changed || !slices.Equal(problems, s.problems)
	s.problems = problems
	return changed
}

// Problems implements inventory.Troubled.
func (s *source) Problems() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.problems
}

// answered notes that the runtime answers, and reports whether that is news.
func (s *source) answered(e *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.status
	s.status = inventory.RuntimeStatus{Name: e.name, Version: e.version, Socket: e.socket, Since: time.Now(), Events: e.events}
	if before.Err != nil || before.Since.IsZero() {
		s.config.Logger.Info("the container runtime answers", "runtime", e.name, "version", e.version, "socket", e.socket)
		return true
	}
	return before.Events != e.events || before.Version != e.version || before.Socket != e.socket
}
