// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/noded/noded/client"
	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/unitname"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// readOther prints what else a word can mean that is no pod: a container by its id or name, a component, a unit. noPod is
// the error that says that it is no pod, which is returned if it is nothing else either.
func (c *logsCommand) readOther(ctx context.Context, noPod error) error {
	if c.root == "" && c.namespace == "" && isContainerName(c.word) {
		byID := inventory.LogSelector{ContainerIDs: []string{c.word}}
		err := c.read(ctx, byID)
		if !errors.Is(err, inventory.ErrNotFound) {
			c.wanted = byID
			return err
		}
		if looksLikeID(c.word) {
			noPod = err
			if found, err := c.readPreviousID(ctx); found || err != nil {
				return err
			}
		}
	}
	if found, err := c.readComponent(ctx); found || err != nil {
		return err
	}
	if found, err := c.readUnit(ctx); found || err != nil {
		return err
	}
	return noPod
}

// isPodName reports whether a pod can have the name: letters of RFC 1123.
func isPodName(word string) bool {
	return strings.Trim(word, "abcdefghijklmnopqrstuvwxyz0123456789-.") == "" && strings.Trim(word, "-.") == word
}

// isContainerName reports whether a container of Docker can have the name, or an id begin so.
func isContainerName(word string) bool {
	return strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") == "" && !strings.ContainsAny(word[:1], "_.-")
}

// looksLikeID reports whether a word can hardly be but the beginning of an id.
func looksLikeID(word string) bool {
	return len(word) >= 6 && strings.Trim(word, "0123456789abcdef") == ""
}

// readPreviousID prints the log of a container that was restarted since, by its id, if it is that of the run before.
func (c *logsCommand) readPreviousID(ctx context.Context) (found bool, err error) {
	pods, _, err := c.backend.Pods(ctx, inventory.PodSelector{})
	if err != nil {
		return false, err
	}
	for i := range pods {
		for j := range pods[i].Containers {
			container := &pods[i].Containers[j]
			at := slices.IndexFunc(container.Previous, func(r inventory.Run) bool { return r.Logged })
			if at < 0 || !strings.HasPrefix(container.Previous[at].ID, c.word) {
				continue
			}
			c.query.Runs, c.query.Follow = podlog.RunsPrevious, false
			return true, c.read(ctx, inventory.LogSelector{
				Pods:       &inventory.PodSelector{Namespace: pods[i].Namespace, UIDs: []string{pods[i].UID}},
				Containers: []string{container.Name},
			})
		}
	}
	return false, nil
}

// readComponent prints the log of a component of that name, if there is one.
func (c *logsCommand) readComponent(ctx context.Context) (found bool, err error) {
	pods, _, err := c.backend.Pods(ctx, inventory.PodSelector{Namespace: c.wanted.Pods.Namespace})
	if err != nil {
		return false, err
	}
	component, ok, err := findComponent(pods, c.word)
	if !ok || err != nil {
		return false, err
	}
	if err := c.show.note("no pod %s; showing %s", visible(c.word), &component); err != nil {
		return true, err
	}
	return true, c.read(ctx, component.current())
}

// readUnit prints what a unit of that name has logged, if there is one: the messages of the current run, as of a container.
func (c *logsCommand) readUnit(ctx context.Context) (found bool, err error) {
	b, ok := c.backend.(backend)
	unit, nameErr := unitname.Mangle(c.word, false)
	if !ok || nameErr != nil || c.namespace != "" {
		return false, nil //nolint:nilerr // a word that is no name of a unit is none
	}
	units, err := b.Units(ctx, []string{unit}, false)
	if err != nil || len(units) == 0 {
		return false, nil //nolint:nilerr // a noded that has no journal has no unit
	}
	if len(c.query.Filter.Streams) > 0 {
		return true, &usageError{err: fmt.Errorf("there is no pod %s, and unit %s has no streams: --stream cannot be used", visible(c.word), visible(unit))}
	}
	query, err := c.unitQuery(ctx, b, unit)
	if err != nil {
		return true, err
	}
	if err := c.show.note("no pod %s; showing unit %s", visible(c.word), visible(unit)); err != nil {
		return true, err
	}
	c.show.printer.o.unit = true
	h := &unitLines{show: c.show, file: podlog.File{Source: &podlog.Source{Container: unit}}}
	return true, b.Read(ctx, client.ReadRequest{Query: query, OnResume: c.show.resumed, OnBreak: c.show.broken}, h)
}

// unitQuery asks for the entries of a unit that are what was asked for of a container.
func (c *logsCommand) unitQuery(ctx context.Context, b backend, unit string) (journal.Query, error) {
	q := journal.NewQuery()
	q.Fields = journal.Mask{"MESSAGE"}
	q.Follow, q.Reverse, q.Lines = c.query.Follow, c.query.Reverse, c.query.Tail
	if c.query.Since != nil {
		// The first microsecond that is not before it.
		since := journal.Usec((*c.query.Since + 999) / 1000)
		q.Since = &since
	}
	if c.query.Until != nil {
		until := journal.Usec(*c.query.Until / 1000)
		q.Until = &until
	}
	f := &c.query.Filter
	q.Filter = journal.Filter{Units: []string{unit}, Grep: f.Grep, Exclude: f.Exclude, IgnoreCase: f.IgnoreCase, MaxLevel: f.MaxLevel}
	if c.query.Runs == podlog.RunsAll {
		return q, nil
	}
	runs, err := b.Invocations(ctx, unit, false)
	if err != nil {
		return q, err
	}
	switch n := len(runs); {
	case c.query.Runs == podlog.RunsPrevious && n < 2:
		return q, &hintError{err: fmt.Errorf("unit %s: %w", unit, podlog.ErrNoPrevious), hint: "without --previous for the current run"}
	case c.query.Runs == podlog.RunsPrevious:
		q.Filter.Invocations = []journal.ID128{runs[n-2].ID}
	case n > 0 && !q.Follow:
		q.Filter.Invocations = []journal.ID128{runs[n-1].ID}
	case n > 0 && (q.Since == nil || *q.Since < runs[n-1].First):
		// Later runs are followed, too.
		q.Since = &runs[n-1].First
	}
	return q, nil
}

// unitLines prints entries of a unit as lines of a log.
type unitLines struct {
	show *logShower
	file podlog.File
}

var _ client.Handler = (*unitLines)(nil)

// Record implements client.Handler.
func (u *unitLines) Record(r *journal.Record) error {
	message, ok := r.Get("MESSAGE")
	if !ok {
		return nil
	}
	if u.file.Source.Node == "" {
		u.file.Source.Node = r.Node
	}
	for line := range bytes.SplitSeq(bytes.TrimRight(message, "\n"), []byte{'\n'}) {
		if err := u.show.Record(&podlog.Record{File: &u.file, Time: int64(r.Realtime) * 1000, Text: line}); err != nil {
			return err
		}
	}
	return nil
}

// Gap implements client.Handler.
func (u *unitLines) Gap(g journal.Gap) error { return u.show.note("%s", gapLine(g)) }

// Progress implements client.Handler.
func (u *unitLines) Progress(journal.Progress) error { return u.show.Flush() }
