// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Streams are what a command has of the process that it runs in.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// Getenv reads an environment variable.
	Getenv func(string) string
	// Version is the version of this build; empty means that of the module.
	Version string
}

// Run runs nodectl with the arguments after its name, prints an error if there is one, and returns the exit
// code. SIGINT and SIGTERM end it.
func Run(ctx context.Context, args []string, s Streams) int {
	ctx, stop := withSignals(ctx)
	defer stop()
	g := newGlobals(s)
	root := newCommand(g)
	args, g.separated = normalizeCommandLine(root, args)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.Canceled) {
		err = cause
	}
	report(s.Err, err)
	return ExitCode(err)
}

// interruptError is the cause of a context that a signal ended.
type interruptError struct{ signal syscall.Signal }

func (e *interruptError) Error() string { return e.signal.String() }

// withSignals returns a context that SIGINT and SIGTERM end. A second signal has its usual effect.
func withSignals(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case received := <-signals:
			signal.Stop(signals)
			number, _ := received.(syscall.Signal)
			cancel(&interruptError{signal: number})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
		<-done
	}
}

// report prints an error as the lines that people see: what is wrong, and what to try.
func report(w io.Writer, err error) {
	var interrupted *interruptError
	var silent *silentError
	if err == nil || errors.As(err, &interrupted) || errors.As(err, &silent) || isBrokenPipe(err) {
		return
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(w, "error: %s\n", visible(line))
	}
	var hint interface{ Hint() string }
	if errors.As(err, &hint) && hint.Hint() != "" {
		fmt.Fprintf(w, "Try: %s\n", visible(hint.Hint()))
	}
}

// requireNoArgs refuses arguments of commands that take none.
func requireNoArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &usageError{err: fmt.Errorf("%s takes no arguments, but got %q", cmd.CommandPath(), args[0]), hint: cmd.CommandPath() + " --help"}
	}
	return nil
}
