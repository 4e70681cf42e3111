// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// progressInterval is how often a read that finds nothing says how far it is.
const progressInterval = time.Second

// lookInterval is the number of entries between two looks at the clock and the context.
const lookInterval = 256

// messageDropped is the MESSAGE_ID with which journald says that it dropped messages by its rate
// limit, see sd-messages.h; the number is in N_DROPPED.
const messageDropped = "a596d6fe7bfa4994828e72309e95d61e"

// reading is one run of a query.
type reading struct {
	ctx  context.Context
	now  func() time.Time
	r    Reader
	q    *Query
	p    *program
	sink Sink
	// onWatchError is Local.OnWatchError until it was called.
	onWatchError func(error)

	// last is the entry looked at last, boot the one that the sink has heard of last, through an
	// entry or a Progress.
	last    Header
	boot    ID128
	looked  uint64
	shown   int64
	told    time.Time
	toldAt  uint64
	problem map[string]bool

	// ledger is what the entries are counted in until the first end is reached.
	ledger *ledger
	// every says that the source leaves out no file of its sequences.
	every bool
	// lost belongs to a follower; nil for others.
	lost *lossTracker
}

// Read runs a query: it calls sink for each entry that matches, for each gap, and for
// progress, all from this goroutine. It returns nil when the query is answered,
// ctx.Err() when ctx ended first (for a follow without Until that is the only way to end), the sink's error,
// an ErrInvalidQuery or ErrNoBoot, or what the engine met.
func (l *Local) Read(ctx context.Context, q Query, sink Sink) error {
	if err := q.Validate(); err != nil {
		return err
	}
	r, err := l.open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	boot, err := l.resolveBoot(r, q.Filter.Boot)
	if err != nil {
		return err
	}
	p, err := q.Filter.compile(ctx, r, boot)
	if err != nil {
		return err
	}
	rd := &reading{ctx: ctx, now: l.now, r: r, q: &q, p: p, sink: sink, told: l.now(), problem: make(map[string]bool), every: l.every(r),
		onWatchError: l.OnWatchError}
	return rd.run()
}

// open opens the source for a call that needs entries. Files that cannot be read are for the reader to tell, but if there are no
// others, and permissions are why or the caller named them, there is nothing to answer from.
func (l *Local) open(ctx context.Context) (Reader, error) {
	r, err := l.Engine.Open(ctx, l.Source)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	problems := r.Problems()
	at := slices.IndexFunc(problems, func(p FileProblem) bool { return p.Reason == GapDenied || len(l.Source.Files) > 0 })
	if at < 0 {
		return r, nil
	}
	files, err := r.Files()
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("no journal file can be read: %w", problems[at].Err)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open journal: %w", err), r.Close())
	}
	return r, nil
}

// every reports whether the source leaves out no file of a sequence: one journald numbers the entries of the system's and
// the users' files together.
func (l *Local) every(r Reader) bool {
	s := &l.Source
	return !s.System && !s.User && len(s.Files) == 0 &&
		!slices.ContainsFunc(r.Problems(), func(p FileProblem) bool { return p.Reason == GapDenied || p.Reason == GapUnsupported })
}

func (rd *reading) run() error {
	if rd.p.empty && rd.q.Follow {
		return &QueryError{Field: "unit", Value: strings.Join(append(rd.q.Filter.Units, rd.q.Filter.UserUnits...), " "),
			Reason: "no unit of such a name has logged yet; patterns are expanded when following begins"}
	}
	if err := rd.tellProblems(); err != nil {
		return err
	}
	if rd.p.empty {
		return rd.tellProgress(true)
	}
	if err := rd.prepare(); err != nil {
		return rd.fail(err)
	}
	first, err := rd.start()
	if err != nil && !errors.Is(err, io.EOF) {
		return rd.fail(err)
	}
	done := false
	if err == nil || rd.q.Follow {
		if done, err = rd.drain(first); err != nil {
			return err
		}
	}
	whole := rd.unfiltered() && !done && rd.q.Lines < 0 && rd.q.Since == nil && rd.q.Cursor == "" && (rd.q.Until == nil || !rd.q.Reverse)
	if err := rd.ledger.settle(rd.ctx, rd.r, rd.q, rd.sink, whole); err != nil {
		return rd.fail(err)
	}
	rd.ledger = nil
	if err := rd.tellProblems(); err != nil {
		return err
	}
	if !rd.q.Follow || done {
		return rd.tellProgress(!done)
	}
	rd.lost.reached()
	if err := rd.lost.settle(rd.ctx, rd.r, rd.sink); err != nil {
		return rd.fail(err)
	}
	return rd.follow()
}

// prepare notes what there is before the read begins.
func (rd *reading) prepare() error {
	files, err := rd.r.Files()
	if err != nil {
		return err
	}
	rd.ledger = newLedger(files)
	if rd.q.Follow {
		rd.lost, err = newLossTracker(rd.r, files, rd.every && rd.unfiltered())
	}
	return err
}

// unfiltered reports whether the read looks at every entry between its bounds.
func (rd *reading) unfiltered() bool { return len(rd.p.match) == 0 }

// fail adds what was being done to an error of the engine.
func (rd *reading) fail(err error) error {
	if rd.ctx.Err() != nil {
		return rd.ctx.Err()
	}
	return fmt.Errorf("read journal: %w", err)
}

// drain delivers entries from first on, which may be nil, until there are no more or the query is
// answered, which done tells.
func (rd *reading) drain(first Entry) (done bool, err error) {
	e := first
	for {
		if e == nil {
			if e, err = rd.step(); errors.Is(err, io.EOF) {
				return false, nil
			} else if err != nil {
				return false, rd.fail(err)
			}
		}
		if done, err = rd.look(e); done || err != nil {
			return done, err
		}
		e = nil
	}
}

func (rd *reading) step() (Entry, error) {
	if rd.q.Reverse {
		return rd.r.Previous()
	}
	return rd.r.Next()
}

// look decides about one entry and delivers it if it is wanted. done says that the query is answered.
func (rd *reading) look(e Entry) (done bool, err error) {
	rd.looked++
	if rd.looked%lookInterval == 0 {
		if err := rd.pause(); err != nil {
			return false, err
		}
	}
	if rd.q.Lines >= 0 && !rd.q.Follow && rd.shown >= rd.q.Lines {
		return true, nil
	}
	h := e.Header()
	if rd.ledger != nil {
		rd.ledger.saw(h)
	}
	if rd.lost != nil {
		rd.lost.saw(h)
	}
	if !rd.q.Reverse && rd.q.Until != nil && h.Realtime > *rd.q.Until ||
		rd.q.Reverse && rd.q.Since != nil && h.Realtime < *rd.q.Since {
		return true, nil
	}
	rd.last = h
	news := rd.boot != rd.last.BootID
	rd.boot = rd.last.BootID
	wanted, err := rd.p.wants(e)
	if err != nil {
		return false, rd.tellUnreadable(err)
	}
	if !wanted {
		if news {
			return false, rd.tellProgress(false)
		}
		return false, nil
	}
	if err := rd.sink.Entry(e); errors.Is(err, ErrUnreadable) {
		return false, rd.tellUnreadable(err)
	} else if err != nil {
		return false, err
	}
	rd.shown++
	// After the sink has had the entry its fields are decoded, and a look at one more costs nothing.
	if err := rd.tellDropped(e); err != nil {
		return false, err
	}
	return rd.q.Lines >= 0 && !rd.q.Follow && rd.shown >= rd.q.Lines, nil
}

// pause looks at the context, and tells the position when that was long ago.
func (rd *reading) pause() error {
	if err := rd.ctx.Err(); err != nil {
		return err
	}
	if rd.now().Sub(rd.told) < progressInterval {
		return nil
	}
	return rd.tellProgress(false)
}

// tellUnreadable reports an entry that cannot be decoded, and the position after it, so that a read that
// resumes does not meet it again.
func (rd *reading) tellUnreadable(err error) error {
	g := Gap{
		Source: rd.last.SeqnumID.String(),
		Count:  1,
		Exact:  true,
		First:  rd.last.Realtime,
		Last:   rd.last.Realtime,
		Reason: GapCorrupt,
		Detail: err.Error(),
	}
	if errors.Is(err, ErrTooLarge) {
		g.Reason = GapTooLarge
	}
	if err := rd.sink.Gap(g); err != nil {
		return err
	}
	return rd.tellProgress(false)
}

func (rd *reading) tellProgress(caughtUp bool) error {
	rd.told, rd.toldAt = rd.now(), rd.looked
	p := Progress{CaughtUp: caughtUp, BootID: rd.boot}
	at := rd.last
	if caughtUp && rd.lost != nil {
		at = rd.lost.newest(at)
	}
	if at != (Header{}) {
		p.Cursor = at.Cursor()
		if !rd.q.Reverse {
			p.Watermark = at.Realtime
		}
	}
	return rd.sink.Progress(p)
}

// tellProblems reports the files that cannot be read, each once.
func (rd *reading) tellProblems() error {
	for _, problem := range rd.r.Problems() {
		if rd.problem[problem.Path] {
			continue
		}
		rd.problem[problem.Path] = true
		if err := rd.sink.Gap(Gap{Source: problem.Path, Reason: problem.Reason, Detail: problem.Err.Error()}); err != nil {
			return err
		}
	}
	return nil
}

// tellDropped reports the messages that journald itself dropped, if the entry says so. Only journald
// writes entries of the transport driver; anybody else's word for it does not count.
func (rd *reading) tellDropped(e Entry) error {
	// The transport is known without decoding anything, mostly.
	if !has(e, "_TRANSPORT", "driver") || !has(e, "MESSAGE_ID", messageDropped) {
		return nil
	}
	g := Gap{
		First:  rd.last.Realtime,
		Last:   rd.last.Realtime,
		Reason: GapSuppressed,
		Exact:  true,
		Source: "systemd-journald",
		Detail: "journald's rate limit; see RateLimitBurst= in journald.conf(5)",
	}
	for _, field := range [...]string{"OBJECT_SYSTEMD_UNIT", "UNIT"} {
		if unit, _ := lookup(e, field); len(unit) > 0 {
			g.Source = string(unit)
			break
		}
	}
	if n, err := lookup(e, "N_DROPPED"); err == nil {
		// No number is a count that is not known.
		g.Count, _ = strconv.ParseUint(string(n), 10, 64)
	}
	return rd.sink.Gap(g)
}

// has reports whether the first value of the field can be read and is this one.
func has(e Entry, name, value string) bool {
	got, err := lookup(e, name)
	return err == nil && string(got) == value
}
