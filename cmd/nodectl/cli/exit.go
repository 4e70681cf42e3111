// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"io/fs"

	"github.com/noded/noded/client"
	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// The exit codes of nodectl.
const (
	ExitOK          = 0
	ExitFailure     = 1
	ExitUsage       = 2
	ExitPartial     = 3
	ExitNotFound    = 4
	ExitDenied      = 5
	ExitUnreachable = 6
	ExitInterrupted = 130
)

// The part of the help that explains the codes: exitCodePartial is for what includes the status command.
const (
	exitCodesHead = `Exit codes:
  0    done
  1    failed; with --grep: nothing matched
  2    wrong usage: an unknown option, a bad value, two options that exclude each other
`
	exitCodePartial = `  3    status: some sources cannot be read
`
	exitCodesTail = `  4    not found: no such pod, container, unit, node, boot or file
  5    denied: no permission
  6    unreachable: noded is not running, or went away
  130  interrupted`
)

// ExitCode is the one place that maps errors to exit codes.
func ExitCode(err error) int {
	var usage *usageError
	var address *client.AddressError
	var interrupted *interruptError
	var code *silentError
	var missing *notFoundError
	switch {
	case err == nil, isBrokenPipe(err):
		return ExitOK
	case errors.As(err, &code):
		return code.code
	case errors.As(err, &interrupted):
		return 128 + int(interrupted.signal)
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	case errors.Is(err, journal.ErrNoBoot), errors.As(err, &missing), errors.Is(err, inventory.ErrNotFound), errors.Is(err, podlog.ErrNoPrevious):
		return ExitNotFound
	case errors.Is(err, inventory.ErrAmbiguous), errors.Is(err, inventory.ErrChooseContainer), errors.Is(err, inventory.ErrBadSelector):
		return ExitUsage
	case errors.As(err, &usage), errors.As(err, &address), errors.Is(err, journal.ErrInvalidQuery):
		return ExitUsage
	case errors.Is(err, client.ErrDenied), errors.Is(err, fs.ErrPermission):
		return ExitDenied
	case errors.Is(err, client.ErrUnreachable):
		return ExitUnreachable
	case errors.Is(err, fs.ErrNotExist):
		return ExitNotFound
	default:
		return ExitFailure
	}
}

// usageError is a mistake on the command line.
type usageError struct {
	err  error
	hint string
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }
func (e *usageError) Hint() string  { return e.hint }

// hintError adds the next step to an error.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }
func (e *hintError) Hint() string  { return e.hint }

// notFoundError is something that the user named and that is not there.
type notFoundError struct {
	err  error
	hint string
}

func (e *notFoundError) Error() string { return e.err.Error() }
func (e *notFoundError) Unwrap() error { return e.err }
func (e *notFoundError) Hint() string  { return e.hint }

// silentError ends the program with a code and no words.
type silentError struct{ code int }

func (e *silentError) Error() string { return "exit" }
