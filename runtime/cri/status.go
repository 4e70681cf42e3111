// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// errNonsense: an answer is about something else than what was asked for.
var errNonsense = errors.New("the answer is about another id")

// silence is the problem of a status that is not told in time. The runtime may have less patience with what is behind it than is had here.
const silence = "no answer in time"

// question asks for one status, and reports whether it is another one than before. The error is that of the runtime.
type question func(ctx context.Context) (changed bool, err error)

// askStatuses asks for the statuses that are not known, several at once, for a time; then left says that there are more. One that cannot
// be had is asked for again later, unless nothing can be had.
func (e *session) askStatuses(ctx context.Context) (changed bool, err error) {
	now := time.Now()
	questions := e.questions(now)
	type answer struct {
		changed bool
		err     error
	}
	queue := make(chan question)
	answers := make(chan answer, len(questions))
	var group sync.WaitGroup
	for range min(askers, len(questions)) {
		group.Go(func() {
			for ask := range queue {
				var a answer
				a.changed, a.err = ask(ctx)
				answers <- a
			}
		})
	}
	e.left = false
	for _, q := range questions {
		if e.left = time.Since(now) > longestAsking; e.left {
			break
		}
		queue <- q
	}
	close(queue)
	group.Wait()
	close(answers)
	for a := range answers {
		changed = changed || a.changed
		switch code := status.Code(a.err); {
		case a.err == nil || code == codes.NotFound:
		case code == codes.Unavailable || code == codes.Canceled:
			err = a.err
		default:
			e.source.config.Logger.Debug("the runtime does not tell a status", "runtime", e.name, "err", a.err)
		}
	}
	return changed, err
}

// questions returns those for the statuses that are not known, then those for the statuses that were asked for long ago.
func (e *session) questions(now time.Time) []question {
	var unknown, old []question
	add := func(a *asking, q question) {
		switch {
		case now.Before(a.notBefore):
		case !a.asked:
			unknown = append(unknown, q)
		case !now.Before(a.again):
			old = append(old, q)
		}
	}
	for _, s := range e.store.sandboxes {
		add(&s.asking, func(ctx context.Context) (changed bool, err error) {
			before := *s
			err = askStatus(ctx, e.conn, s.id, &s.asking, s.setStatus,
				func(ctx context.Context, timeout time.Duration, verbose bool) (*runtimeapi.PodSandboxStatusResponse, error) {
					return askWithin(ctx, timeout, e.conn.runtime.PodSandboxStatus,
						&runtimeapi.PodSandboxStatusRequest{PodSandboxId: s.id, Verbose: verbose})
				})
			before.asking = s.asking
			return !reflect.DeepEqual(&before, s), err
		})
	}
	for _, c := range e.store.containers {
		add(&c.asking, func(ctx context.Context) (changed bool, err error) {
			before := *c
			asked := c.asking.asked
			err = askStatus(ctx, e.conn, c.id, &c.asking, c.setStatus,
				func(ctx context.Context, timeout time.Duration, verbose bool) (*runtimeapi.ContainerStatusResponse, error) {
					return askWithin(ctx, timeout, e.conn.runtime.ContainerStatus,
						&runtimeapi.ContainerStatusRequest{ContainerId: c.id, Verbose: verbose})
				})
			// Where its log is and its exit code also depend on whether it was asked for.
			changed = asked != c.asking.asked
			before.asking = c.asking
			return changed || !reflect.DeepEqual(&before, c), err
		})
	}
	return append(unknown, old...)
}

// askStatus asks for a status, and sets it: with all that can be told, or else without.
func askStatus[Status interface{ GetId() string }, Response interface{ GetStatus() Status }](
	ctx context.Context, c *conn, id string, a *asking, set func(Response),
	ask func(ctx context.Context, timeout time.Duration, verbose bool) (Response, error),
) error {
	timeout := min(c.timeout, statusTimeout)
	if a.silent {
		timeout = min(timeout, silentTimeout)
	}
	r, err := ask(ctx, timeout, true)
	hung := status.Code(err) == codes.DeadlineExceeded
	if err != nil && !isNotFound(err) && ctx.Err() == nil {
		r, err = ask(ctx, timeout, false)
	}
	if err == nil && r.GetStatus().GetId() != id {
		err = errNonsense
	}
	now := time.Now()
	if err != nil {
		a.notBefore, a.silent = now.Add(askAgain), false
		switch status.Code(err) {
		case codes.NotFound, codes.Canceled, codes.Unavailable:
			a.problem = "" // of the container, or of all
		case codes.DeadlineExceeded:
			a.problem, a.silent = silence, true
		default:
			a.problem = c.explain(err).Error()
		}
		return err
	}
	set(r)
	*a = asking{asked: true, again: now.Add(askEvery/2 + rand.N(askEvery))}
	if hung {
		a.again, a.problem, a.silent = now.Add(askAgain), silence, true
	}
	return nil
}
