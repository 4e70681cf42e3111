// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/noded/noded/runtime/inventory"
)

const (
	// safetyNet is how often everything is listed although events tell of changes.
	safetyNet = time.Minute
	// secondLook is when everything is listed again after the first time.
	secondLook = time.Second
	// pollWatched and pollIdle are how often everything is listed where there are no events.
	pollWatched = time.Second
	pollIdle    = 5 * time.Second
	// heartbeat is how often a runtime that has told nothing is asked whether it is there.
	heartbeat = 15 * time.Second
	// maxSingle is how many ids are asked for one by one; for more the whole lists are cheaper.
	maxSingle = 8
	// askers is how many statuses are asked for at once.
	askers = 4
	// askAgain is how long a status that could not be had is not asked for again, unless an event comes.
	askAgain = 30 * time.Second
	// askEvery is how often a status is asked for although nothing told of a change, give or take a half: not every runtime has an
	// event for limits that are changed.
	askEvery = 5 * time.Minute
	// longestAsking is how long statuses are asked for before what is known is published, and the rest asked for.
	longestAsking = 5 * time.Second
	// statusTimeout bounds the answer to each question for a status, silentTimeout that of one which was not answered the last time:
	// a process that hangs behind one container must not hide the others.
	statusTimeout = 5 * time.Second
	silentTimeout = time.Second
	// busy bounds the share of time for which the runtime is asked while events keep coming: after work that took d there is a
	// pause of busy times d, up to longestPause.
	busy         = 4
	longestPause = 5 * time.Second
)

// reasonOOM is what the CRI calls the end of a container that ran out of memory.
const reasonOOM = "OOMKilled"

// session is one connection to a runtime that answers. It belongs to one goroutine.
type session struct {
	source                *source
	conn                  *conn
	store                 *store
	hints                 *hints
	changed               func()
	name, version, socket string
	// containerd: events are those of containerd. events: there are any.
	containerd, events bool
	pending            map[string]*pending
	// full is when everything is listed next, next when anything may be asked for again, beat when the heart beats.
	full, next, beat time.Time
	// missed: events may have been missed, so everything is listed once more soon after. left: not all statuses have been asked for.
	missed, left bool
}

// run keeps the store up to date until the connection ends. lasted: there was an answer to the first lists.
func (e *session) run(ctx context.Context) (lasted bool, err error) {
	// The runtime may have begun to send events only after it had answered, and nobody told of changes before that.
	e.missed = true
	e.store.askAgain()
	if _, err := e.refreshAll(ctx); err != nil {
		return false, e.conn.explain(err)
	}
	e.done(true)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(e.pause(time.Now()))
		select {
		case <-ctx.Done():
			return true, ctx.Err()
		case <-e.source.attended:
			continue // the pause may be another one
		case <-e.hints.wake:
			if err := e.take(time.Now()); err != nil {
				return true, err
			}
			continue
		case <-timer.C:
		}
		changed, err := e.step(ctx, time.Now())
		if err != nil {
			return true, e.conn.explain(err)
		}
		e.done(changed)
	}
}

// done notes an answer and tells of changes.
func (e *session) done(changed bool) {
	began := time.Now()
	defer func() { e.next = e.next.Add(min(busy*time.Since(began), longestPause)) }()
	if changed = e.source.publish(e, changed); e.source.answered(e) || changed {
		e.changed()
	}
}

// take takes what events tell. The error is that of containerd's stream; without those of the CRI it goes on.
func (e *session) take(now time.Time) error {
	t := e.hints.take()
	if t.all {
		e.full, e.missed = now, true
		e.store.askAgain()
	}
	for id, h := range t.byID {
		p := e.pending[id]
		if p == nil {
			p = &pending{due: now.Add(waits[0])}
			e.pending[id] = p
		}
		if h.want != expectAnything {
			p.want = h.want
		}
		p.oom, p.updated, p.tries = p.oom || h.oom, p.updated || h.updated, 0
		p.due = minTime(p.due, now.Add(waits[0]))
	}
	if t.heard {
		e.events = true
	}
	if t.ended == nil {
		return nil
	}
	if e.containerd || status.Code(t.ended) == codes.Unavailable {
		return e.conn.explain(t.ended)
	}
	if e.events {
		// It had events: connect again.
		return fmt.Errorf("the events of the runtime ended: %w", e.conn.explain(t.ended))
	}
	return nil
}

// pause is how long there is nothing to do.
func (e *session) pause(now time.Time) time.Duration {
	at := minTime(e.fullAt(), e.beat)
	for _, p := range e.pending {
		at = minTime(at, p.due)
	}
	if e.left {
		at = now
	}
	if at.Before(e.next) {
		at = e.next
	}
	return max(at.Sub(now), 0)
}

// fullAt is when everything is listed next.
func (e *session) fullAt() time.Time {
	if !e.events && e.source.watched.Load() {
		return minTime(e.full, e.full.Add(pollWatched-pollIdle))
	}
	return e.full
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// step asks for what is due.
func (e *session) step(ctx context.Context, now time.Time) (changed bool, err error) {
	if now.Before(e.next) {
		return false, nil
	}
	defer func() {
		e.next = time.Now().Add(min(busy*time.Since(now), longestPause))
		e.beat = time.Now().Add(heartbeat)
	}()
	due := e.due(now)
	switch {
	case len(due) > maxSingle || !now.Before(e.fullAt()):
		if changed, err = e.refreshAll(ctx); err != nil {
			return false, err
		}
		e.settle(due, now)
		return changed, nil
	case len(due) > 0:
		for _, id := range due {
			c, err := e.refreshOne(ctx, id)
			if err != nil {
				return false, err
			}
			changed = changed || c
		}
		c, err := e.askStatuses(ctx)
		if err != nil {
			return false, err
		}
		e.settle(due, now)
		return changed || c, nil
	case e.left:
		return e.askStatuses(ctx)
	case !now.Before(e.beat):
		_, err := ask(ctx, e.conn, e.conn.runtime.Version, &runtimeapi.VersionRequest{})
		return false, err
	}
	return false, nil
}

// due returns the ids that are to be asked for now, and has their status asked for again where an event says that it changed.
func (e *session) due(now time.Time) []string {
	var due []string
	for id, p := range e.pending {
		if now.Before(p.due) {
			continue
		}
		due = append(due, id)
		if c := e.store.containers[id]; c != nil && p.want != expectGone {
			c.asking.again, c.asking.notBefore = time.Time{}, time.Time{}
		}
		if s := e.store.sandboxes[id]; s != nil && p.want != expectGone {
			s.asking.again, s.asking.notBefore = time.Time{}, time.Time{}
		}
	}
	slices.Sort(due)
	return due
}

// settle looks whether what events told has shown, and plans another look if not.
func (e *session) settle(due []string, now time.Time) {
	for _, id := range due {
		p := e.pending[id]
		p.tries++
		if p.updated {
			// What there is may be from before the change.
			p.updated, p.tries = false, triesUpdated
		} else if e.shows(id, p.want) && (!p.oom || e.showsOOM(id)) || p.tries >= len(waits) {
			delete(e.pending, id)
			continue
		}
		p.due = now.Add(waits[p.tries])
	}
}

// shows reports whether the store has what an event told.
func (e *session) shows(id string, want expectation) bool {
	c, s := e.store.containers[id], e.store.sandboxes[id]
	switch want {
	case expectThere:
		return c != nil || s != nil
	case expectStarted:
		return c != nil && c.state != inventory.ContainerCreated || s != nil && s.state == inventory.StateReady
	case expectEnded:
		return (c == nil || c.state == inventory.ContainerExited) && (s == nil || s.state == inventory.StateNotReady)
	case expectGone:
		return c == nil && s == nil
	default:
		return true
	}
}

// showsOOM reports whether a container that ran out of memory is gone, or is known to have ended for that.
func (e *session) showsOOM(id string) bool {
	c := e.store.containers[id]
	return c == nil || c.state == inventory.ContainerExited && c.reason == reasonOOM
}

// refreshAll lists everything.
func (e *session) refreshAll(ctx context.Context) (changed bool, err error) {
	sandboxes, err := ask(ctx, e.conn, e.conn.runtime.ListPodSandbox, &runtimeapi.ListPodSandboxRequest{})
	if err != nil {
		return false, err
	}
	containers, err := ask(ctx, e.conn, e.conn.runtime.ListContainers, &runtimeapi.ListContainersRequest{})
	if err != nil {
		return false, err
	}
	changed = e.store.replace(sandboxes.GetItems(), containers.GetContainers())
	asked, err := e.askStatuses(ctx)
	now := time.Now()
	e.full, e.beat = now.Add(pollIdle), now.Add(heartbeat)
	if e.events {
		e.full = now.Add(safetyNet)
	}
	if e.missed {
		e.full, e.missed = now.Add(secondLook), false
	}
	return changed || asked, err
}

// refreshOne asks whether a container or sandbox is there.
func (e *session) refreshOne(ctx context.Context, id string) (changed bool, err error) {
	if e.store.sandboxes[id] == nil {
		list, err := ask(ctx, e.conn, e.conn.runtime.ListContainers,
			&runtimeapi.ListContainersRequest{Filter: &runtimeapi.ContainerFilter{Id: id}})
		if err != nil {
			return false, err
		}
		for _, item := range list.GetContainers() {
			// A filter may also take the beginning of an id.
			if c, ok := newContainer(item); ok && c.id == id {
				e.wantSandbox(c.sandbox)
				return e.store.putContainer(c), nil
			}
		}
		if e.store.containers[id] != nil {
			delete(e.store.containers, id)
			return true, nil
		}
	}
	list, err := ask(ctx, e.conn, e.conn.runtime.ListPodSandbox,
		&runtimeapi.ListPodSandboxRequest{Filter: &runtimeapi.PodSandboxFilter{Id: id}})
	if err != nil {
		return false, err
	}
	for _, item := range list.GetItems() {
		if s, ok := newSandbox(item); ok && s.id == id {
			return e.store.putSandbox(s), nil
		}
	}
	_, was := e.store.sandboxes[id]
	delete(e.store.sandboxes, id)
	return was, nil
}

// wantSandbox makes the sandbox of a container be asked for, if it is not known.
func (e *session) wantSandbox(id string) {
	if e.store.sandboxes[id] == nil && e.pending[id] == nil {
		e.pending[id] = &pending{want: expectThere, due: time.Now()}
	}
}
