// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"sync"
	"time"

	"github.com/noded/noded/runtime/inventory"
)

const (
	// defaultTimeout bounds one request.
	defaultTimeout = 10 * time.Second
	// defaultRefresh is the time between two looks at all containers, for what no event told.
	defaultRefresh = time.Minute
	// firstRetry and lastRetry bound the time between two attempts to connect, which doubles.
	firstRetry = 250 * time.Millisecond
	lastRetry  = 15 * time.Second
	// runtimeName is what the runtime is called until it says otherwise.
	runtimeName = "docker"
)

// Config says where Docker is.
type Config struct {
	// Socket is the path of its unix socket, usually /var/run/docker.sock.
	Socket string
	// Root is the directory in which logs are looked for, as podlog.Config has it, usually /var/lib/docker/containers. A container that
	// has no directory there has no log that can be read. Empty: it is not looked there.
	Root string
	// Timeout bounds each request; 0 means 10 seconds. Refresh is the time between two looks at all containers; 0 means a minute.
	Timeout, Refresh time.Duration
	Logger           *slog.Logger
}

// Source is an inventory.Source. It is safe for concurrent use.
type Source struct {
	config Config
	// silent is only used by Run; see known.
	silent map[string]bool

	// mu guards the fields below. What they point to is not changed any more.
	mu         sync.Mutex
	pods       []inventory.Pod
	containers []inventory.Container
	problems   []string
	status     inventory.RuntimeStatus
}

var (
	_ inventory.Source   = (*Source)(nil)
	_ inventory.Troubled = (*Source)(nil)
)

// New returns a source. It does not connect yet.
func New(c Config) *Source {
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.Refresh <= 0 {
		c.Refresh = defaultRefresh
	}
	return &Source{config: c, silent: make(map[string]bool), status: inventory.RuntimeStatus{Name: runtimeName, Socket: c.Socket}}
}

// State implements inventory.Source.
func (s *Source) State() (pods []inventory.Pod, containers []inventory.Container, status inventory.RuntimeStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pods, s.containers, s.status
}

// Problems implements inventory.Troubled.
func (s *Source) Problems() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.problems
}

// Run implements inventory.Source. It is called once.
func (s *Source) Run(ctx context.Context, changed func()) {
	retry := firstRetry
	for ctx.Err() == nil {
		answered, err := s.session(ctx, changed)
		if ctx.Err() != nil {
			return
		}
		if answered {
			retry = firstRetry
		}
		if s.away(err) {
			changed()
		}
		pause := time.NewTimer(retry + rand.N(retry))
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
		retry = min(2*retry, lastRetry)
	}
}

// away keeps the error that ended a session, and reports whether it is news.
func (s *Source) away(err error) (news bool) {
	s.mu.Lock()
	before := s.status
	s.status.Err, s.status.Events = err, false
	s.mu.Unlock()
	switch {
	case before.Err == nil && before.Since.IsZero():
		s.config.Logger.Debug("docker does not answer", "socket", s.config.Socket, "err", err)
	case before.Err == nil:
		s.config.Logger.Warn("docker does not answer any more", "socket", s.config.Socket, "err", err)
	default:
		return before.Err.Error() != err.Error()
	}
	return true
}

// publish makes what was read the state, and reports whether that changes it.
func (s *Source) publish(k *known, version inventory.RuntimeStatus) (news bool) {
	pods, containers, problems := k.state()
	version.Since, version.Socket, version.Events = time.Now(), s.config.Socket, true
	s.mu.Lock()
	defer s.mu.Unlock()
	news = s.status.Err != nil || !s.status.Events || s.status.Name != version.Name || s.status.Version != version.Version ||
		!reflect.DeepEqual(problems, s.problems) ||
		!reflect.DeepEqual(containers, s.containers) || !reflect.DeepEqual(pods, s.pods)
	if news {
		s.pods, s.containers, s.problems = pods, containers, problems
	}
	s.status = version
	return news
}
