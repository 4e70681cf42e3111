// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"syscall"
	"time"
)

// watchInterval is how often a watch shows what is used.
const watchInterval = time.Second

// runWatch shows what is used until the end: a screen on a terminal that can show one, else a table each second, or a line of JSON.
func (f *topFlags) runWatch(ctx context.Context, g *globals, b statsBackend) error {
	if f.format != "json" && isTerminal(g.Out) {
		if terminal := terminalOf(g.Getenv("TERM")); terminal != nil {
			return f.runScreen(ctx, g, b, terminal)
		}
	}
	look, err := f.firstLook(ctx, b)
	if err != nil {
		return err
	}
	// What matches nothing is an error at first, and is told beside the first look if it is some of it.
	quiet := *g
	quiet.Err = io.Discard
	if err := f.unmatched(&quiet, look); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer g.watchOutput(ctx, func() { cancel(syscall.EPIPE) })()
	t := &tableWatch{globals: g, flags: f}
	away := awayTeller{globals: g}
	if err = t.show(look); err == nil {
		err = f.watchLooks(ctx, b, lookWatch{machine: look.machine, onBreak: away.broken, onResume: away.resumed}, t.show)
	}
	if err != nil && isBrokenPipe(context.Cause(ctx)) {
		err = syscall.EPIPE
	}
	return err
}

// tableWatch prints the looks of a watch that has no screen.
type tableWatch struct {
	*globals
	flags *topFlags
	// last is the look that was printed last, nil before the first one, said what was told beside it.
	last *topLook
	said string
	// table: there was a table.
	table bool
}

// show prints a look, unless it was the last one.
func (t *tableWatch) show(look *topLook) error {
	if t.last != nil && t.last.time.Equal(look.time) {
		return nil
	}
	t.last = look
	if err := t.print(look); err != nil {
		return err
	}
	var said bytes.Buffer
	telling := *t.globals
	telling.Err = &said
	if err := t.flags.tell(&telling, look); err != nil && len(look.problems) == 0 {
		fmt.Fprintln(&said, visible(err.Error()))
	} else if err != nil {
		_ = telling.tellPodProblems(look.problems)
	}
	if text := said.String(); text != t.said {
		t.said = text
		_, _ = t.Err.Write(said.Bytes())
	}
	return nil
}

func (t *tableWatch) print(look *topLook) error {
	if t.flags.format == "json" {
		text, err := jsonLine(look.items())
		if err != nil {
			return err
		}
		return printLines(t.Out, []string{text})
	}
	if len(look.rows) == 0 {
		return nil
	}
	if t.table {
		if err := printLines(t.Out, []string{""}); err != nil {
			return err
		}
	}
	t.table = true
	return t.flags.print(t.globals, look)
}
