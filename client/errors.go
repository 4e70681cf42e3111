// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/proto/wire"
)

// Errors to test for with errors.Is.
var (
	// ErrUnreachable: there is no noded at the address, or it went away and did not come back in time.
	ErrUnreachable = errors.New("noded is not reachable")
	// ErrDenied: the caller may not do this.
	ErrDenied = errors.New("permission denied")
	// ErrOldServer: the noded does not know the call.
	ErrOldServer = errors.New("not known to this noded")
)

// Error is a failed call. It wraps what happened; errors.Is finds the sentinels of this package
// and of package journal.
type Error struct {
	// Kind is one of the sentinels of this package, or nil.
	Kind error
	// Err is what happened.
	Err error
	// Advice is the next step for a person; may be empty.
	Advice string
}

// Error implements error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Kind == nil {
		return []error{e.Err}
	}
	return []error{e.Kind, e.Err}
}

// Hint returns the next step for a person; may be empty.
func (e *Error) Hint() string { return e.Advice }

// dialError turns the errno of a connect into advice.
func dialError(path string, err error) *Error {
	advice := "check --address or NODECTL_ADDRESS"
	if path == defaultPath() {
		advice = "systemctl start noded"
	}
	e := &Error{Kind: ErrUnreachable, Err: fmt.Errorf("connect to %s: %w", path, plainErrno(err))}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		e.Err = fmt.Errorf("noded is not running: no socket at %s", path)
		e.Advice = advice
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Err = fmt.Errorf("noded is not running: nobody listens on %s", path)
		e.Advice = advice
	case errors.Is(err, fs.ErrPermission):
		e.Kind = ErrDenied
		e.Err = fmt.Errorf("you are not in group noded: no permission to connect to %s", path)
		e.Advice = "sudo usermod -aG noded $USER, then log in again"
	case errors.Is(err, syscall.ENOTSOCK), errors.Is(err, syscall.EPROTOTYPE):
		e.Err = fmt.Errorf("%s is not the socket of a noded", path)
		e.Advice = "--address " + DefaultAddress
	case errors.Is(err, syscall.EAGAIN):
		e.Err = fmt.Errorf("noded does not accept connections at %s: its queue is full", path)
		e.Advice = "journalctl -u noded"
	}
	return e
}

// plainErrno takes the errno out of the layers that package net puts around it.
func plainErrno(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// callError turns the error of a call into one with a kind and advice.
func (c *Client) callError(err error) error {
	if err == nil {
		return nil
	}
	st, ok := status.FromError(err)
	if !ok {
		return err
	}
	cause := wire.Error(err)
	// What the server knows about the matter is better than what can be said of every one of its kind.
	advice := func(otherwise string) string { return cmp.Or(wire.Hint(err), otherwise) }
	switch st.Code() {
	case codes.Unavailable:
		if dial := c.lastDialError(); dial != nil {
			return dial
		}
		return &Error{Kind: ErrUnreachable, Err: fmt.Errorf("noded went away: %w", cause), Advice: "systemctl status noded"}
	case codes.DeadlineExceeded:
		return &Error{Kind: ErrUnreachable, Err: errors.New("noded did not answer in time"), Advice: "--timeout with a longer time, or systemctl status noded"}
	case codes.PermissionDenied, codes.Unauthenticated:
		return &Error{Kind: ErrDenied, Err: cause, Advice: advice("sudo usermod -aG noded $USER, then log in again")}
	case codes.Unimplemented:
		if errors.Is(cause, journal.ErrUnsupported) {
			return cause
		}
		return &Error{Kind: ErrOldServer, Err: fmt.Errorf("this noded is older than nodectl: %w", cause), Advice: "upgrade noded on the node; nodectl status shows its version"}
	case codes.ResourceExhausted:
		return &Error{Err: cause, Advice: advice("narrow the query, or close other streams; limits.* of noded.yaml(5) are the limits")}
	case codes.FailedPrecondition:
		return &Error{Err: cause, Advice: advice("nodectl status shows what noded can read")}
	case codes.Internal, codes.Unknown, codes.DataLoss:
		return &Error{Err: cause, Advice: advice("journalctl -u noded")}
	case codes.Canceled:
		return context.Canceled
	default:
		if hint := wire.Hint(err); hint != "" {
			return &Error{Err: cause, Advice: hint}
		}
		return cause
	}
}
