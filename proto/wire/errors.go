// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"cmp"
	"context"
	"errors"
	"io/fs"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// domain is the ErrorInfo.domain of the reasons below.
const domain = "noded"

// kind joins a sentinel error, the reason that names it on the wire and its status code.
type kind struct {
	sentinel error
	reason   string
	code     codes.Code
	// hint is the next step for a person; may be empty.
	hint string
}

// kinds lists the errors that keep their identity across the API, the more specific first.
func kinds() []kind {
	const look = "nodectl status shows what noded can read; journal.directory of noded.yaml(5) says where it looks"
	return []kind{
		{podlog.ErrBadCursor, "BAD_LOG_CURSOR", codes.InvalidArgument, ""},
		{podlog.ErrNoPrevious, "NO_PREVIOUS", codes.NotFound, ""},
		{inventory.ErrNotFound, "NOT_FOUND", codes.NotFound, ""},
		{inventory.ErrAmbiguous, "AMBIGUOUS", codes.InvalidArgument, ""},
		{inventory.ErrChooseContainer, "CHOOSE_CONTAINER", codes.InvalidArgument, ""},
		{inventory.ErrBadSelector, "BAD_SELECTOR", codes.InvalidArgument, ""},
		{journal.ErrBadCursor, "BAD_CURSOR", codes.InvalidArgument, ""},
		{journal.ErrInvalidQuery, "INVALID_QUERY", codes.InvalidArgument, ""},
		{journal.ErrNoBoot, "NO_BOOT", codes.NotFound, ""},
		{journal.ErrNoField, "NO_FIELD", codes.NotFound, ""},
		{journal.ErrUnsupported, "UNSUPPORTED", codes.Unimplemented, ""},
		{fs.ErrNotExist, "NOT_EXIST", codes.NotFound, look},
		{fs.ErrPermission, "PERMISSION", codes.FailedPrecondition, look},
	}
}

// Status converts an error of a domain package to a gRPC status error that Error turns back. The hint of one that has a
// method Hint goes with it. Errors that already are a status, and nil, are returned as they are.
func Status(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	switch {
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, Text(err.Error()))
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, Text(err.Error()))
	}
	for _, k := range kinds() {
		if !errors.Is(err, k.sentinel) {
			continue
		}
		hint := k.hint
		var advised interface {
			error
			Hint() string
		}
		if errors.As(err, &advised) {
			hint = cmp.Or(advised.Hint(), hint)
		}
		return Refusal(k.code, k.reason, err.Error(), hint)
	}
	return status.Error(codes.Internal, Text(err.Error()))
}

// The reasons of refusals, for Refusal.
const (
	ReasonDenied    = "DENIED"
	ReasonExhausted = "EXHAUSTED"
	ReasonTakenOver = "TAKEN_OVER"
)

// hintKey is the key of ErrorInfo.metadata with the next step for a person.
const hintKey = "hint"

// Refusal returns the status error of a call that is refused: what is the matter, and in hint what
// the caller can do about it, which may be empty.
func Refusal(code codes.Code, reason, message, hint string) error {
	st := status.New(code, Text(message))
	info := &errdetails.ErrorInfo{Reason: reason, Domain: domain}
	if hint != "" {
		info.Metadata = map[string]string{hintKey: Text(hint)}
	}
	if with, err := st.WithDetails(info); err == nil {
		st = with
	}
	return st.Err()
}

// Hint returns the hint that a server gave with an error; empty if it gave none.
func Hint(err error) string {
	st, ok := status.FromError(err)
	if !ok {
		return ""
	}
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == domain {
			return info.GetMetadata()[hintKey]
		}
	}
	return ""
}

// Error converts a gRPC status error back: it has the text that the server gave, answers errors.Is for
// the sentinel that it was there, and status.FromError still finds the status. Other errors are
// returned as they are.
func Error(err error) error {
	st, ok := status.FromError(err)
	if err == nil || !ok {
		return err
	}
	e := &remoteError{status: st}
	for _, detail := range st.Details() {
		info, ok := detail.(*errdetails.ErrorInfo)
		if !ok || info.GetDomain() != domain {
			continue
		}
		for _, k := range kinds() {
			if k.reason == info.GetReason() {
				e.sentinel = k.sentinel
			}
		}
	}
	switch st.Code() {
	case codes.Canceled:
		e.sentinel = context.Canceled
	case codes.DeadlineExceeded:
		e.sentinel = context.DeadlineExceeded
	}
	return e
}

type remoteError struct {
	status   *status.Status
	sentinel error
}

func (e *remoteError) Error() string              { return e.status.Message() }
func (e *remoteError) GRPCStatus() *status.Status { return e.status }

func (e *remoteError) Is(target error) bool {
	if e.sentinel == nil {
		return false
	}
	if errors.Is(e.sentinel, target) {
		return true
	}
	// A bad cursor is an invalid query too.
	return target == journal.ErrInvalidQuery && (e.sentinel == journal.ErrBadCursor || e.sentinel == podlog.ErrBadCursor)
}
