// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/proto/wire"
)

// Break says that noded went away.
type Break struct {
	// Cause is why the read broke.
	Cause error
	// Wait is how long noded has to come back, from when it was heard last, before the read is given up.
	Wait time.Duration
}

// Resume says that a read broke and goes on.
type Resume struct {
	// Cause is why it broke.
	Cause error
	// After is the position after which it goes on; empty when it starts anew, and for a read that has one position for each
	// container.
	After journal.Cursor
	// Delivered is the number of records that were handed out before.
	Delivered int64
	// Away is how long nothing was heard of the read.
	Away time.Duration
}

// longBreak is how long noded is away before a person is told: a restart takes less.
const longBreak = time.Second

// lastChance is the least time that an attempt has to reach the server.
const lastChance = 500 * time.Millisecond

// attempts is the state of a read that goes on after breaks: when the server was heard, and why the read is broken. It
// belongs to one goroutine.
type attempts struct {
	client *Client
	// onResume and onBreak are those of the request; they may be nil.
	onResume func(Resume)
	onBreak  func(Break)
	// after returns Resume.After; nil for none.
	after func() journal.Cursor

	// delivered is the number of records that were handed out.
	delivered int64
	// contact is when the server was heard last; zero before the first time.
	contact time.Time
	// cause is why the read broke and lost when the server had been heard last, until the read goes on.
	cause error
	lost  time.Time
	// toldBreak: onBreak has been told of this break.
	toldBreak bool
	// backOff is reset by who gets on.
	backOff backOff
}

// brokenError marks an error after which the read can go on.
type brokenError struct{ cause error }

func (e *brokenError) Error() string { return e.cause.Error() }

// run calls attempt until it ends with something else than a break, or the read is given up.
func (a *attempts) run(ctx context.Context, attempt func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for {
		err := attempt(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
		var broken *brokenError
		if !errors.As(err, &broken) {
			return err
		}
		if err := a.pause(ctx, broken.cause); err != nil {
			return err
		}
	}
}

// pause waits before the next attempt, or gives the read up.
func (a *attempts) pause(ctx context.Context, cause error) error {
	if a.contact.IsZero() {
		return a.client.callError(cause)
	}
	if a.cause == nil {
		a.cause, a.lost = cause, a.contact
	}
	delay := a.backOff.delay()
	left := a.client.timeout - time.Since(a.contact)
	if left <= 0 {
		return a.gaveUp(cause)
	}
	if a.onBreak != nil && !a.toldBreak && time.Since(a.lost) >= longBreak {
		a.toldBreak = true
		a.onBreak(Break{Cause: a.client.callError(a.cause), Wait: a.client.timeout})
	}
	return sleep(ctx, min(delay, left))
}

func (a *attempts) gaveUp(cause error) error {
	err := a.client.callError(cause)
	out := &Error{Kind: ErrUnreachable, Err: fmt.Errorf("noded went away and did not come back within %v: %w", a.client.timeout, err)}
	var e *Error
	if errors.As(err, &e) {
		out.Advice = e.Advice
	}
	return out
}

// starter begins a call.
type starter func(context.Context) (grpc.ClientStream, error)

// stream reads one stream to its end: it receives into message, again and again, and calls deliver for each. ended is what an
// orderly end of the stream means; nil if that is the end of the read.
func (a *attempts) stream(ctx context.Context, start starter, message any, deliver func() error, ended error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// gRPC has a back-off of its own, which would hold up an attempt that is due now.
	a.client.conn.ResetConnectBackoff()
	stream, begun, err := a.open(ctx, cancel, start)
	if err != nil {
		return err
	}
	for {
		err := stream.RecvMsg(message)
		if errors.Is(err, io.EOF) {
			return ended
		}
		if err != nil {
			return a.classify(err, begun)
		}
		begun = true
		a.heard()
		err = deliver()
		// The time that the handler takes is not silence of the server.
		a.contact = time.Now()
		if err != nil {
			return err
		}
	}
}

// open starts a stream. The server sends its headers when it has taken the request on, which begun tells; one
// that does not answer in time breaks the read.
func (a *attempts) open(ctx context.Context, cancel context.CancelFunc, start starter) (stream grpc.ClientStream, begun bool, err error) {
	late := func() bool { return false }
	if wait := a.client.timeout; wait > 0 {
		if !a.contact.IsZero() {
			wait = max(wait-time.Since(a.contact), lastChance)
		}
		timer := time.AfterFunc(wait, cancel)
		late = func() bool { return !timer.Stop() }
	}
	var header metadata.MD
	stream, err = start(ctx)
	if err == nil {
		header, err = stream.Header()
	}
	if late() {
		return nil, false, &brokenError{cause: status.Error(codes.DeadlineExceeded, "noded does not answer")}
	}
	if err != nil {
		return nil, false, a.classify(err, false)
	}
	if header == nil {
		// The error comes with the next message.
		return stream, false, nil
	}
	a.contact = time.Now()
	return stream, true, nil
}

// heard notes a message of the server, and tells of it when the read had been broken.
func (a *attempts) heard() {
	a.contact = time.Now()
	if a.cause != nil && a.onResume != nil {
		resume := Resume{Cause: a.client.callError(a.cause), Delivered: a.delivered, Away: a.contact.Sub(a.lost)}
		if a.after != nil {
			resume.After = a.after()
		}
		a.onResume(resume)
	}
	a.cause, a.toldBreak = nil, false
}

// classify tells errors after which the read can go on from those that end it. begun says
// whether the server had taken the request on.
func (a *attempts) classify(err error, begun bool) error {
	switch status.Code(err) {
	case codes.Unavailable, codes.Canceled, codes.Aborted:
		return &brokenError{cause: err}
	case codes.ResourceExhausted:
		// A server cuts a reader that was too slow, such as a pager that nobody scrolled; it may go on. A
		// server that takes no more streams says so at once.
		if begun {
			return &brokenError{cause: err}
		}
	case codes.Internal:
		// A connection that is cut between two frames of a stream shows as Internal.
		if begun && a.client.conn.GetState() != connectivity.Ready {
			return &brokenError{cause: err}
		}
	}
	return a.client.callError(err)
}

// malformed is the error of a server that sends what cannot be read.
func malformed(err error) error {
	return &Error{Err: fmt.Errorf("noded sent what cannot be read: %w", err), Advice: "upgrade both: nodectl status shows the version of noded, nodectl version its own"}
}

// decodeError makes an error of decoding compact batches, or of who got their records, that of the read.
func decodeError(err error) error {
	if errors.Is(err, wire.ErrCompactMalformed) {
		return malformed(err)
	}
	return err
}

// endedStream is what the end of a stream that has none means.
func endedStream() error {
	return &brokenError{cause: status.Error(codes.Unavailable, "noded ended the stream")}
}
