// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"sync"
	"time"

	eventsapi "github.com/containerd/containerd/api/events"
	eventservice "github.com/containerd/containerd/api/services/events/v1"
	"github.com/containerd/containerd/api/types"
	"google.golang.org/protobuf/proto"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// expectation is what an event says that the books of the CRI will show.
type expectation uint8

const (
	expectAnything expectation = iota // ask for the status again
	expectThere
	expectStarted
	expectEnded
	expectGone
)

// hint is one event: what to ask for again.
type hint struct {
	id   string
	want expectation
	// oom: there was an event that the container ran out of memory. containerd 1.6 notes that as the reason of an end only after
	// the end, so it is expected beside what want says.
	oom bool
	// updated: something about it was changed, which the books may show only when the change has been made.
	updated bool
}

// maxHints is how many ids are kept. When there are more, everything is asked for.
const maxHints = 4096

// hints collects events for the goroutine that asks. It is safe for concurrent use.
type hints struct {
	// wake has a value when there is something to take.
	wake chan struct{}

	// mu guards the fields below.
	mu sync.Mutex
	// byID has for each id the last event that says what to expect, and whether one told of want of memory or of a change.
	byID map[string]hint
	// all: there were more than are kept. ended: why the stream of events ended; heard: an event has come.
	all, heard bool
	ended      error
}

func newHints() *hints { return &hints{wake: make(chan struct{}, 1), byID: map[string]hint{}} }

func (h *hints) add(added ...hint) {
	h.mu.Lock()
	h.heard = true
	for _, a := range added {
		if a.id == "" {
			continue
		}
		if len(h.byID) >= maxHints {
			h.all = true
			clear(h.byID)
		}
		old := h.byID[a.id]
		a.oom, a.updated = a.oom || old.oom, a.updated || old.updated
		if a.want == expectAnything {
			a.want = old.want
		}
		h.byID[a.id] = a
	}
	h.mu.Unlock()
	h.signal()
}

// end tells that there are no more events.
func (h *hints) end(err error) {
	h.mu.Lock()
	h.ended = err
	h.mu.Unlock()
	h.signal()
}

func (h *hints) signal() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// taken is what take returns.
type taken struct {
	byID       map[string]hint
	all, heard bool
	ended      error
}

// take returns what has come since the last call.
func (h *hints) take() taken {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := taken{h.byID, h.all, h.heard, h.ended}
	h.byID, h.all = map[string]hint{}, false
	return t
}

// filters select the events of containerd that are wanted.
func filters(namespace string) []string {
	var out []string
	for _, t := range topics() {
		out = append(out, `namespace=="`+namespace+`",topic=="`+t.name+`"`)
	}
	return out
}

// watchContainerd passes on containerd's own events until its stream ends.
func watchContainerd(ctx context.Context, c *conn, namespace string, h *hints) {
	stream, err := eventservice.NewEventsClient(c.ClientConn).Subscribe(ctx, &eventservice.SubscribeRequest{Filters: filters(namespace)})
	for err == nil {
		var envelope *types.Envelope
		if envelope, err = stream.Recv(); err == nil {
			if e, ok := hintOf(envelope); ok {
				h.add(e)
			}
		}
	}
	h.end(err)
}

// hintOf returns what an event of containerd is about. One that cannot be decoded is about nothing; the safety net will find it.
func hintOf(e *types.Envelope) (hint, bool) {
	topic, ok := topicOf(e.GetTopic())
	if !ok || proto.Unmarshal(e.GetEvent().GetValue(), topic.event) != nil {
		return hint{}, false
	}
	h := hint{want: topic.want, oom: topic.name == topicOOM, updated: topic.name == topicUpdate}
	switch m := topic.event.(type) {
	case interface{ GetSandboxID() string }:
		h.id = m.GetSandboxID()
	case interface{ GetContainerID() string }:
		h.id = m.GetContainerID()
		if process, ok := m.(interface{ GetID() string }); ok && process.GetID() != "" && process.GetID() != h.id {
			return hint{}, false // of an exec
		}
	case interface{ GetID() string }:
		h.id = m.GetID()
	}
	return h, h.id != ""
}

const (
	// topicOOM is the event of a container that ran out of memory.
	topicOOM = "/tasks/oom"
	// topicUpdate is that of a container whose limits are about to be changed.
	topicUpdate = "/containers/update"
)

// topic is a kind of event of containerd.
type topic struct {
	name string
	// event is an empty message of its type.
	event proto.Message
	want  expectation
}

// topics are the events of containerd that are wanted: those of exec in containers are not, which probes cause all the time.
func topics() []topic {
	return []topic{
		{"/tasks/start", &eventsapi.TaskStart{}, expectStarted},
		{"/tasks/exit", &eventsapi.TaskExit{}, expectEnded},
		{"/tasks/delete", &eventsapi.TaskDelete{}, expectEnded},
		{topicOOM, &eventsapi.TaskOOM{}, expectAnything},
		// It is started next. If that fails, no event tells.
		{"/containers/create", &eventsapi.ContainerCreate{}, expectStarted},
		{topicUpdate, &eventsapi.ContainerUpdate{}, expectAnything},
		{"/containers/delete", &eventsapi.ContainerDelete{}, expectGone},
		{"/sandboxes/start", &eventsapi.SandboxStart{}, expectStarted},
		{"/sandboxes/exit", &eventsapi.SandboxExit{}, expectEnded},
	}
}

func topicOf(name string) (topic, bool) {
	for _, t := range topics() {
		if t.name == name {
			return t, true
		}
	}
	return topic{}, false
}

// watchCRI passes on the events of the CRI until their stream ends.
func watchCRI(ctx context.Context, c *conn, h *hints) {
	stream, err := c.runtime.GetContainerEvents(ctx, &runtimeapi.GetEventsRequest{})
	for err == nil {
		var e *runtimeapi.ContainerEventResponse
		if e, err = stream.Recv(); err == nil {
			id, pod := e.GetContainerId(), e.GetPodSandboxStatus().GetId()
			want := expectAnything
			switch e.GetContainerEventType() {
			case runtimeapi.ContainerEventType_CONTAINER_CREATED_EVENT, runtimeapi.ContainerEventType_CONTAINER_STARTED_EVENT:
				want = expectStarted // after it was created, no event tells that its start failed
			case runtimeapi.ContainerEventType_CONTAINER_STOPPED_EVENT:
				want = expectEnded
			case runtimeapi.ContainerEventType_CONTAINER_DELETED_EVENT:
				want = expectGone
			}
			added := []hint{{id: id, want: want}}
			if pod != id {
				added = append(added, hint{id: pod, want: expectAnything})
			}
			h.add(added...)
		}
	}
	h.end(err)
}

// pending is an event that is waited for to show.
type pending struct {
	want    expectation
	oom     bool
	updated bool
	tries   int
	due     time.Time
}

// triesUpdated are the tries after which what was changed is looked at once more: a second later.
const triesUpdated = 3

// waits are the times between an event, or a look that did not show what it said, and the next look. After the last one the
// safety net has to find it.
var waits = [...]time.Duration{ // read-only
	20 * time.Millisecond, 80 * time.Millisecond, 300 * time.Millisecond, time.Second, 3 * time.Second, 6 * time.Second, 12 * time.Second,
	24 * time.Second,
}
