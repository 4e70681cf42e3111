// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/noded/noded/client"
	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/output"
)

// outputBufferBytes is how much of a list is written at once.
const outputBufferBytes = 64 << 10

// show prints the entries that the query selects.
func (c *journalCommand) show(ctx context.Context) (err error) {
	if err := c.resolveInvocation(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if c.follow {
		defer c.watchOutput(ctx, func() { cancel(syscall.EPIPE) })()
	} else {
		widenPipe(c.Out)
	}
	pager, err := c.startPager()
	if err != nil {
		return err
	}
	s := c.newShow(pager)
	elsewhere, err := c.readEntries(ctx, s)
	if err != nil && isBrokenPipe(context.Cause(ctx)) {
		err = syscall.EPIPE
	}
	if ferr := s.finish(err); err == nil || isBrokenPipe(ferr) {
		err = ferr
	}
	if perr := pager.Close(); err == nil {
		err = perr
	}
	if err != nil {
		return err
	}
	if s.shown == 0 && !elsewhere && !c.quiet && c.query.Lines != 0 {
		c.explainNothing(ctx)
	}
	if s.shown == 0 && c.query.Filter.Grep != "" && c.query.Lines != 0 {
		// As grep does, so that scripts can ask.
		return &silentError{code: ExitFailure}
	}
	return nil
}

// explainNothing says on stderr why there may be no entries: no files, or units that never logged.
func (c *journalCommand) explainNothing(ctx context.Context) {
	if !c.explainNoFiles(ctx) {
		c.suggestUnits(ctx)
	}
}

// explainNoFiles says on stderr if there is no file, and reports whether that is so.
func (c *journalCommand) explainNoFiles(ctx context.Context) bool {
	usage, err := c.backend.Usage(ctx)
	return err == nil && c.tellNoFiles(usage, c.source)
}

// shower prints what a read delivers. It is the client.Handler of one read.
type shower struct {
	command *journalCommand
	options output.Options
	w       io.Writer
	printer *output.Printer

	// notes: separators and notes among the entries are wanted.
	notes bool
	// boot is that of the entry looked at last.
	boot  journal.ID128
	shown int64
	// cursor is the position that Progress told last. After it came the entry of last, if that is set.
	cursor  journal.Cursor
	last    journal.Header
	lastSet bool
	// live: the read waits for new entries, so each is written at once.
	live        bool
	cursorSaved time.Time
	// nothing is called when a follower begins to wait and has shown no entry.
	// Its error ends the read.
	nothing func() error
	now     func() time.Time
}

func (c *journalCommand) newShow(w io.Writer) *shower {
	terminal := isTerminal(c.Out)
	s := &shower{
		command: c,
		w:       w,
		notes:   !c.quiet && !c.mode.Machine(),
		now:     time.Now,
		options: output.Options{
			Mode: c.mode, All: c.all, NoFull: c.noFull, UTC: c.utc, NoHostname: c.noHostname, Catalog: c.catalog,
			TruncateNewline: c.truncate, OutputFields: c.fieldList(), Color: c.useColor(), Visible: terminal && !c.raw,
		},
	}
	if c.noFull {
		s.options.Width = c.columns()
	}
	if s.options.Color && c.query.Filter.Grep != "" {
		s.options.Highlight = highlighter(&c.query.Filter)
	}
	s.printer = output.New(w, s.options)
	return s
}

// fieldList splits --output-fields.
func (c *journalCommand) fieldList() []string {
	var names []string
	for _, list := range c.outputFields {
		for name := range strings.SplitSeq(list, ",") {
			if name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}

// highlighter finds the first match of --grep in a message.
func highlighter(filter *journal.Filter) func([]byte) (int, int, bool) {
	flags := "(?m)"
	if filter.IgnoreCase {
		flags = "(?mi)"
	}
	re, err := regexp.Compile(flags + "(?:" + filter.Grep + ")")
	if err != nil {
		return nil
	}
	return func(message []byte) (start, end int, ok bool) {
		at := re.FindIndex(message)
		if at == nil {
			return 0, 0, false
		}
		return at[0], at[1], true
	}
}

// Record implements client.Handler.
func (s *shower) Record(r *journal.Record) error {
	if err := s.separate(r.BootID); err != nil {
		return err
	}
	s.shown++
	if err := s.printer.Print(r); err != nil {
		return err
	}
	if s.command.showCursor || s.command.cursorFile != "" {
		s.last, s.lastSet = r.Header, true
	}
	if !s.live {
		return nil
	}
	if err := s.printer.Flush(); err != nil {
		return err
	}
	return s.saveCursor(false)
}

// separate prints the line between boots. journalctl prints it for every entry that it looks at, also for
// those that --grep then rejects: for them Progress tells the boot.
func (s *shower) separate(boot journal.ID128) error {
	before := s.boot
	s.boot = boot
	if before.IsZero() || boot == before || !s.notes || s.command.merge {
		return nil
	}
	return s.printer.Boot(boot)
}

// Gap implements client.Handler.
func (s *shower) Gap(g journal.Gap) error {
	if s.command.quiet {
		return nil
	}
	// What came before the gap is to be seen before it.
	if err := s.printer.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(s.command.Err, gapLine(g))
	return nil
}

// Progress implements client.Handler.
func (s *shower) Progress(p journal.Progress) error {
	if !p.BootID.IsZero() {
		if err := s.separate(p.BootID); err != nil {
			return err
		}
	}
	if p.Cursor != "" {
		s.cursor, s.lastSet = p.Cursor, false
	}
	s.live = s.command.follow && (s.live || p.CaughtUp)
	if s.live && s.shown == 0 {
		if err := s.nothing(); err != nil {
			return err
		}
	}
	if err := s.printer.Flush(); err != nil {
		return err
	}
	return s.saveCursor(false)
}

// resumed tells that the read broke and went on.
func (s *shower) resumed(r client.Resume) {
	if !s.command.quiet {
		fmt.Fprintf(s.command.Err, "-- Resumed after %v without noded: %v --\n", r.Away.Round(time.Millisecond), visible(r.Cause.Error()))
	}
}

// broken tells that noded is away for long.
func (s *shower) broken(b client.Break) {
	if !s.command.quiet {
		// What came before is to be seen before it.
		_ = s.printer.Flush()
		fmt.Fprintf(s.command.Err, "-- noded went away; waiting up to %v --\n", b.Wait)
	}
}

// finish prints what comes after the entries and writes everything out. readErr is how the read ended.
func (s *shower) finish(readErr error) error {
	if err := s.printer.Flush(); err != nil {
		return err
	}
	if readErr == nil {
		if err := s.writeEnd(); err != nil {
			return err
		}
	}
	return s.saveCursor(true)
}

// writeEnd prints the notes that come after the entries.
func (s *shower) writeEnd() error {
	var end string
	if s.shown == 0 && s.notes && !s.command.follow {
		end = "-- No entries --\n"
	}
	if cursor := s.position(); s.command.showCursor && cursor != "" {
		end += fmt.Sprintf("-- cursor: %s\n", cursor)
	}
	if end == "" {
		return nil
	}
	_, err := io.WriteString(s.w, end)
	return err
}

// position returns the cursor of the position reached, empty if there is none.
func (s *shower) position() journal.Cursor {
	if s.lastSet {
		return s.last.Cursor()
	}
	return s.cursor
}

// saveCursor keeps the position in --cursor-file: at the end, and now and then while following. Only what has
// been written out counts.
func (s *shower) saveCursor(last bool) error {
	path := s.command.cursorFile
	if path == "" {
		return nil
	}
	now := s.now()
	if !last && (!s.live || now.Sub(s.cursorSaved) < cursorFileInterval) {
		return nil
	}
	cursor := s.position()
	if cursor == "" {
		return nil
	}
	s.cursorSaved = now
	return writeCursorFile(path, cursor)
}

// resolveInvocation finds the run that --invocation names.
func (c *journalCommand) resolveInvocation(ctx context.Context) error {
	ref := c.plan.run
	if ref == nil {
		return nil
	}
	if !ref.ID.IsZero() && ref.Offset == 0 {
		c.query.Filter.Invocations = []journal.ID128{ref.ID}
		return nil
	}
	unit, user, err := theUnit(&c.query.Filter, "--invocation by offset")
	if err != nil {
		return err
	}
	runs, err := c.backend.Invocations(ctx, unit, user)
	if err != nil {
		return err
	}
	at := len(runs) - 1 + ref.Offset
	if ref.Offset > 0 {
		at = ref.Offset - 1
	}
	if !ref.ID.IsZero() {
		at = -1
		for i, run := range runs {
			if run.ID == ref.ID {
				at = i + ref.Offset
			}
		}
	}
	if at < 0 || at >= len(runs) {
		hint := firstNonEmpty(visible(c.meantAsValue(unit)), "nodectl journal "+unit+" --list-invocations")
		return &notFoundError{err: fmt.Errorf("no invocation %s of %s: the journal has %d", ref, unit, len(runs)), hint: hint}
	}
	c.query.Filter.Invocations = []journal.ID128{runs[at].ID}
	return nil
}
