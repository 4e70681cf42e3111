// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"

	"github.com/noded/noded/runtime/inventory"
)

const (
	// maxAnswer bounds the bytes of one answer. A stream of events that is longer breaks off and is begun again.
	maxAnswer = 64 << 20
	// settle is how long more events are waited for after one: containers seldom start with one event only.
	settle = 20 * time.Millisecond
	// inspectors is how many containers are inspected at once.
	inspectors = 4
	// maxTimeouts is how many containers may hang, while none does not, before the daemon is held to hang. silentTimeout is how long one that did not
	// answer the last time is waited for, as others wait meanwhile.
	maxTimeouts   = 3
	silentTimeout = time.Second
	// firstLook is how long after a container was seen to wait for its start it is looked at again. The time doubles with each look.
	firstLook = 250 * time.Millisecond
)

var errTooLong = fmt.Errorf("the answer is longer than %d bytes", maxAnswer)

// actions are the events that say that a container came, changed or went. Those of health checks and exec are not among them: they come
// all the time. A container that could not be started has no event of its own, but usually leaves a network.
func actions() []string {
	return []string{
		string(events.ActionCreate), string(events.ActionStart), string(events.ActionDie), string(events.ActionOOM),
		string(events.ActionPause), string(events.ActionUnPause), string(events.ActionRename), string(events.ActionUpdate),
		string(events.ActionRestart), string(events.ActionStop), string(events.ActionDestroy), string(events.ActionDisconnect),
	}
}

// subject returns the id of the container that an event is about.
func subject(m *events.Message) string {
	if m.Type == events.NetworkEventType {
		return m.Actor.Attributes["container"]
	}
	return m.Actor.ID
}

// session connects, and keeps the state up to date until something fails. answered: the daemon did, at least once.
func (s *Source) session(ctx context.Context, changed func()) (answered bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	api, err := s.connect()
	if err != nil {
		return false, err
	}
	defer api.Close()
	var runtime inventory.RuntimeStatus
	if err := s.within(ctx, func(ctx context.Context) (err error) {
		runtime, err = identify(ctx, api)
		return err
	}); err != nil {
		return false, err
	}
	// First the events, so that nothing is missed after the list.
	messages, failed, err := s.subscribe(ctx, api)
	if err != nil {
		return false, err
	}
	defer func() {
		// The goroutine behind the events has ended once this channel is closed.
		cancel()
		for range failed {
		}
	}()
	k := newKnown(s.config.Root, runtime.Name, s.silent)
	if err := s.refresh(ctx, api, k); err != nil {
		return false, err
	}
	if s.publish(k, runtime) {
		s.config.Logger.Debug("docker answers", "version", runtime.Version, "containers", len(k.all))
		changed()
	}
	return true, s.keep(ctx, api, k, stream{messages, failed}, func() {
		if s.publish(k, runtime) {
			changed()
		}
	})
}

// stream is the events of the daemon.
type stream struct {
	messages <-chan events.Message
	failed   <-chan error
}

// keep brings k up to date at events, and now and then.
func (s *Source) keep(ctx context.Context, api *client.Client, k *known, in stream, publish func()) error {
	refresh := time.NewTicker(s.config.Refresh)
	defer refresh.Stop()
	// Nothing may tell that a start failed, so what waits for one is looked at again, ever more rarely.
	wait := firstLook
	again := time.NewTimer(wait)
	defer again.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err = <-in.failed:
			return lost(err)
		case <-refresh.C:
			err = s.refresh(ctx, api, k)
		case <-again.C:
			err = s.inspect(ctx, api, k, k.waiting())
			wait = min(2*wait, s.config.Refresh)
			again.Reset(wait)
		case m := <-in.messages:
			ids := in.gather(ctx, &m)
			err = s.inspect(ctx, api, k, ids)
			if wait > firstLook && slices.ContainsFunc(ids, k.waits) {
				wait = firstLook
				again.Reset(wait)
			}
		}
		if err != nil {
			return err
		}
		publish()
	}
}

// gather returns the ids of the containers of m and of the events that come soon after it.
func (in stream) gather(ctx context.Context, m *events.Message) []string {
	ids := map[string]bool{subject(m): true}
	timer := time.NewTimer(settle)
	defer timer.Stop()
	for {
		select {
		case m := <-in.messages:
			ids[subject(&m)] = true
			continue
		case <-timer.C:
		case <-ctx.Done():
		}
		break
	}
	var out []string
	for id := range ids {
		if validID(id) {
			out = append(out, id)
		}
	}
	return out
}

func lost(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("docker closed the stream of events")
	}
	return fmt.Errorf("read events of docker: %w", err)
}

// connect returns a client that negotiates the version of the API at its first request.
func (s *Source) connect() (*client.Client, error) {
	// No environment variable counts, and no other host than the socket is ever connected to.
	var dialer net.Dialer
	api, err := client.New(
		client.WithHost("unix://"+s.config.Socket),
		client.WithDialContext(func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", s.config.Socket)
		}),
		client.WithUserAgent("noded"),
		client.WithHTTPResponseHook(func(r *http.Response) {
			r.Body = &bounded{ReadCloser: r.Body, left: maxAnswer}
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("connect to docker: %w", err)
	}
	return api, nil
}

// bounded is a body that fails rather than go on for ever.
type bounded struct {
	io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// within calls f with a context that ends after the timeout.
func (s *Source) within(ctx context.Context, f func(context.Context) error) error {
	return s.withinTime(ctx, s.config.Timeout, f)
}

// withinTime is within with another timeout.
func (s *Source) withinTime(ctx context.Context, timeout time.Duration, f func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := f(limited)
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case limited.Err() != nil:
		return timeoutError{timeout}
	case client.IsErrConnectionFailed(err):
		return s.dialError(ctx, err)
	}
	return fmt.Errorf("ask docker: %w", err)
}

// timeoutError says that a request was not answered in time.
type timeoutError struct{ timeout time.Duration }

// Error implements error.
func (e timeoutError) Error() string {
	return fmt.Sprintf("docker did not answer within %v", e.timeout)
}

// connectError says that a request could not be made.
type connectError struct{ err error }

// Error implements error.
func (e connectError) Error() string { return "connect to docker: " + e.err.Error() }

// Unwrap returns the cause.
func (e connectError) Unwrap() error { return e.err }

// dialError says why the socket cannot be connected to, which the library's error does not.
func (s *Source) dialError(ctx context.Context, err error) error {
	var dialer net.Dialer
	conn, dialErr := dialer.DialContext(ctx, "unix", s.config.Socket)
	if dialErr != nil {
		return connectError{dialErr}
	}
	_ = conn.Close() // the daemon is back; the next attempt tells
	return connectError{err}
}

// identify asks the daemon who it is.
func identify(ctx context.Context, api *client.Client) (inventory.RuntimeStatus, error) {
	v, err := api.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return inventory.RuntimeStatus{}, err
	}
	if v.Version == "" {
		return inventory.RuntimeStatus{}, errors.New("what answers on its socket is not docker")
	}
	runtime := inventory.RuntimeStatus{Name: runtimeName, Version: v.Version}
	// Podman speaks Docker's API too.
	if len(v.Components) > 0 && strings.HasPrefix(v.Components[0].Name, "Podman") {
		runtime.Name = "podman"
	}
	return runtime, nil
}

// subscribe opens the stream of events. The context of the stream ends with ctx, or at once if it does not begin in time.
func (s *Source) subscribe(ctx context.Context, api *client.Client) (<-chan events.Message, <-chan error, error) {
	ctx, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(s.config.Timeout, cancel)
	filters := make(client.Filters).Add("type", string(events.ContainerEventType), string(events.NetworkEventType)).Add("event", actions()...)
	result := api.Events(ctx, client.EventsListOptions{Filters: filters})
	if !timer.Stop() {
		for range result.Err {
		}
		return nil, nil, fmt.Errorf("docker did not begin its stream of events within %v", s.config.Timeout)
	}
	// The stream is over when its channel of errors has been read to its end, which session does.
	failed := make(chan error, 1)
	go func() {
		defer cancel()
		defer close(failed)
		for err := range result.Err {
			select {
			case failed <- err:
			default:
			}
		}
	}()
	return result.Messages, failed, nil
}

// refresh lists all containers and inspects each.
func (s *Source) refresh(ctx context.Context, api *client.Client, k *known) error {
	var list client.ContainerListResult
	if err := s.within(ctx, func(ctx context.Context) (err error) {
		list, err = api.ContainerList(ctx, client.ContainerListOptions{All: true})
		return err
	}); err != nil {
		return err
	}
	return s.inspect(ctx, api, k, k.list(list.Items))
}

// answer is what the daemon says about one container.
type answer struct {
	id     string
	result client.ContainerInspectResult
	err    error
}

// inspect asks for single containers. One that the daemon cannot tell about is a problem of k, not an error; when it says nothing about
// any of several, it is the daemon that hangs.
func (s *Source) inspect(ctx context.Context, api *client.Client, k *known, ids []string) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	timeouts, told := 0, false
	for a := range s.ask(ctx, api, k.questions(ids, s.config.Timeout)) {
		var timeout timeoutError
		var connect connectError
		switch {
		case ctx.Err() != nil:
			// Go on until all workers have ended.
		case a.err == nil:
			k.inspected(a.id, &a.result.Container)
			told = true
		case errdefs.IsNotFound(a.err):
			k.remove(a.id)
		case errors.As(a.err, &connect), errors.As(a.err, &timeout) && timeouts == maxTimeouts && !told:
			k.fail(a.id, a.err)
			err = a.err
			cancel()
		default:
			if errors.As(a.err, &timeout) {
				timeouts++
			}
			k.fail(a.id, a.err)
		}
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// question is which container to inspect, and how long to wait for the answer.
type question struct {
	id      string
	timeout time.Duration
}

// ask inspects containers, some at once. The channel is closed when all goroutines have ended, and has to be read until then; they end
// early with ctx.
func (s *Source) ask(ctx context.Context, api *client.Client, questions []question) <-chan answer {
	todo := make(chan question, len(questions))
	for _, q := range questions {
		todo <- q
	}
	close(todo)
	answers := make(chan answer)
	var workers sync.WaitGroup
	for range min(inspectors, len(questions)) {
		workers.Go(func() {
			for q := range todo {
				if ctx.Err() != nil {
					return
				}
				a := answer{id: q.id}
				a.err = s.withinTime(ctx, q.timeout, func(ctx context.Context) (err error) {
					a.result, err = api.ContainerInspect(ctx, q.id, client.ContainerInspectOptions{})
					return err
				})
				answers <- a
			}
		})
	}
	go func() {
		workers.Wait()
		close(answers)
	}()
	return answers
}
