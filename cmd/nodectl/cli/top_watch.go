// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"syscall"
	"time"
)

// watchInterval is how often a watch shows what is used.
const watchInterval = time.Second

// runWatch shows what is used until the end: a screen on a terminal, else a table each second, or a line of JSON.
func (f *topFlags) runWatch(ctx context.Context, g *globals, b statsBackend) error {
	look, err := f.firstLook(ctx, b)
	if err != nil {
		return err
	}
	if err := f.unmatched(g, look); err != nil {
		return err
	}
	if f.format != "json" && isTerminal(g.Out) {
		return f.runScreen(ctx, g, b, look)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer g.watchOutput(ctx, func() { cancel(syscall.EPIPE) })()
	if err = f.printLook(g, look, true); err == nil {
		err = watchLooks(ctx, b, watchInterval, func() error {
			look, err := f.look(ctx, b)
			if err != nil {
				return err
			}
			return f.printLook(g, look, false)
		})
	}
	if err != nil && isBrokenPipe(context.Cause(ctx)) {
		err = syscall.EPIPE
	}
	return err
}

// printLook prints one look of a watch.
func (f *topFlags) printLook(g *globals, look *topLook, first bool) error {
	if f.format == "json" {
		text, err := json.Marshal(look.items())
		if err != nil {
			return err
		}
		return printLines(g.Out, []string{string(text)})
	}
	if !first {
		if err := printLines(g.Out, []string{""}); err != nil {
			return err
		}
	}
	return f.print(g, look)
}
