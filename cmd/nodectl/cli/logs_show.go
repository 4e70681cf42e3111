// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/noded/noded/client"
	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/podlog"
)

// logShower prints what a read of logs delivers. It is the podlog.Sink of one read.
type logShower struct {
	printer  *logPrinter
	err      io.Writer
	quiet    bool
	terminal bool
	follow   bool
	shown    int64
	// gaps counts what was told to be missing, denied that for want of permission.
	gaps, denied int64
	// nothing is called when a follower begins to wait and has shown no line; nil afterwards, and if there is nothing to be said.
	nothing func()
}

var _ podlog.Sink = (*logShower)(nil)

// newShow makes the printer. On a terminal the container is named where there can be several, unless the user says otherwise.
func (c *logsCommand) newShow(prefixGiven bool) *logShower {
	terminal := isTerminal(c.Out)
	o := logOptions{
		format: c.output, timestamps: c.timestamps, namespaces: c.allNamespaces, color: c.useColor(),
		prefix: c.prefix || !prefixGiven && (c.allPods || c.several && terminal), visible: terminal,
		whole: c.reverse, limitBytes: c.limitBytes, single: !c.several,
	}
	if c.output == logRaw {
		o.prefix, o.visible, o.color = false, false, false
	}
	if o.color && c.output == logText && c.query.Filter.Grep != "" {
		o.highlight = highlighter(&journal.Filter{Grep: c.query.Filter.Grep, IgnoreCase: c.query.Filter.IgnoreCase})
	}
	return &logShower{printer: newLogPrinter(c.Out, o), err: c.Err, quiet: c.quiet, terminal: terminal, follow: c.query.Follow}
}

// Record implements podlog.Sink.
func (s *logShower) Record(r *podlog.Record) error {
	s.shown++
	return s.printer.print(r)
}

// Gap implements podlog.Sink.
func (s *logShower) Gap(g journal.Gap) error {
	s.gaps++
	if g.Reason == journal.GapDenied {
		s.denied++
	}
	return s.note("%s", logGapLine(g))
}

// Progress implements podlog.Sink.
func (s *logShower) Progress(p podlog.Progress) error {
	if p.CaughtUp && s.nothing != nil {
		if s.shown == 0 && s.follow {
			s.nothing()
		}
		s.nothing = nil
	}
	return nil
}

// Flush implements podlog.Sink.
func (s *logShower) Flush() error { return s.printer.flush() }

// note prints a line on stderr, after what came before it.
func (s *logShower) note(format string, args ...any) error {
	if s.quiet {
		return nil
	}
	if s.terminal {
		s.printer.endLine()
	}
	if err := s.printer.flush(); err != nil {
		return err
	}
	fmt.Fprintf(s.err, format+"\n", args...)
	return nil
}

// resumed tells that the read broke and went on.
func (s *logShower) resumed(r client.Resume) {
	_ = s.note("-- Resumed after %v without noded: %v --", r.Away.Round(time.Millisecond), visible(r.Cause.Error()))
}

// broken tells that noded is away for long.
func (s *logShower) broken(b client.Break) {
	_ = s.note("-- noded went away; waiting up to %v --", b.Wait)
}

// logGapLine is the line that says which lines of a log are missing.
func logGapLine(g journal.Gap) string {
	of := ""
	if g.Source != "" {
		of = " of " + visible(g.Source)
	}
	why := g.Reason.String()
	switch {
	case g.Reason == journal.GapVacuumed:
		why = "rotated away"
	case g.Reason == journal.GapUnknown && g.Detail != "":
		why = visible(g.Detail)
	case g.Reason == journal.GapCursorLost:
		why = "the place to go on from is gone"
	}
	return fmt.Sprintf("-- Gap: %s%s not shown: %s --", countOfWhat(g, "line", "lines"), of, why)
}
