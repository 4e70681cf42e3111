// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/noded/noded/client"
	"github.com/noded/noded/runtime/inventory"
)

// podWatcher is a backend that tells of changes.
type podWatcher interface {
	WatchPods(ctx context.Context, req client.PodWatchRequest, yield func(client.PodEvent) error) error
}

// podEventItem is a change in JSON: an object on a line of its own.
type podEventItem struct {
	Type string  `json:"type"`
	Pod  podItem `json:"pod"`
}

// watchPods prints the pods and then a line for each change.
func watchPods(ctx context.Context, g *globals, f *podFlags, b logBackend, sel inventory.PodSelector) error {
	watcher, ok := b.(podWatcher)
	if !ok || f.format == "yaml" {
		return &usageError{err: errors.New("--watch cannot be used with -o yaml"), hint: "-o json"}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer g.watchOutput(ctx, func() { cancel(syscall.EPIPE) })()
	w := &podWatch{globals: g, flags: f}
	away := awayTeller{globals: g}
	err := watcher.WatchPods(ctx, client.PodWatchRequest{PodSelector: sel, OnBreak: away.broken, OnResume: away.resumed}, w.event)
	if err != nil && isBrokenPipe(context.Cause(ctx)) {
		err = syscall.EPIPE
	}
	return advisePods(err, sel.Names, f.root)
}

// podWatch prints what a watch tells.
type podWatch struct {
	*globals
	flags *podFlags
	// first gathers the pods that there are, until synced, so that the columns fit them; nil after that.
	first  []inventory.Pod
	synced bool
	widths []int
	// problems are those that were told last.
	problems []string
}

// event prints a change.
func (w *podWatch) event(e client.PodEvent) error {
	switch e.Type {
	case client.PodsSynced:
		if w.synced {
			return nil
		}
		w.synced = true
		if err := w.begin(); err != nil {
			return err
		}
		return w.tellProblems(e.Problems)
	case client.PodProblems:
		return w.tellProblems(e.Problems)
	}
	if w.flags.format == "json" {
		text, err := jsonLine(podEventItem{Type: podEventName(e.Type), Pod: podItemOf(&e.Pod)})
		if err != nil {
			return err
		}
		return printLines(w.Out, []string{text})
	}
	if !w.synced {
		w.first = append(w.first, e.Pod)
		return nil
	}
	return w.print(&e.Pod, e.Type == client.PodDeleted)
}

// tellProblems says on stderr what is known only in part since the last time, or that all is known again.
func (w *podWatch) tellProblems(problems []string) error {
	before := w.problems
	w.problems = problems
	if len(problems) == 0 && len(before) > 0 {
		return w.tellPodProblems([]string{"all is known again"})
	}
	return w.tellPodProblems(slices.DeleteFunc(slices.Clone(problems), func(p string) bool { return slices.Contains(before, p) }))
}

// podEventName is the word for a change in JSON.
func podEventName(t client.PodEventType) string {
	switch t {
	case client.PodAdded:
		return "added"
	case client.PodModified:
		return "modified"
	case client.PodDeleted:
		return "deleted"
	default:
		return "unknown"
	}
}

// begin prints the pods that there are.
func (w *podWatch) begin() error {
	if w.flags.format == "json" {
		return nil
	}
	header := podHeader(w.flags)
	w.fit(header)
	for i := range w.first {
		w.fit(podRow(w.flags, &w.first[i], time.Now()))
	}
	if !w.flags.noHeaders && w.flags.format != "name" {
		if err := w.line(header); err != nil {
			return err
		}
	}
	for i := range w.first {
		if err := w.print(&w.first[i], false); err != nil {
			return err
		}
	}
	w.first = nil
	return nil
}

// print prints a pod as a row.
func (w *podWatch) print(p *inventory.Pod, deleted bool) error {
	if w.flags.format == "name" {
		return printLines(w.Out, []string{"pod/" + visible(p.Name)})
	}
	row := podRow(w.flags, p, time.Now())
	if deleted {
		for i, name := range podHeader(w.flags) {
			if name == "STATUS" {
				row[i] = "Deleted"
			}
		}
	}
	return w.line(row)
}

// fit makes the columns wide enough for a row.
func (w *podWatch) fit(row []string) {
	for i, cell := range row {
		if i == len(w.widths) {
			w.widths = append(w.widths, 0)
		}
		w.widths[i] = max(w.widths[i], runewidth.StringWidth(cell))
	}
}

// line prints a row.
func (w *podWatch) line(row []string) error {
	var b strings.Builder
	for i, cell := range row {
		b.WriteString(cell)
		if i < len(row)-1 {
			b.WriteString(strings.Repeat(" ", max(w.widths[i]-runewidth.StringWidth(cell), 0)+3))
		}
	}
	return printLines(w.Out, []string{b.String()})
}
