// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"testing"
	"time"
)

func usec(seconds int) *Usec {
	u := Usec(seconds) * 1_000_000
	return &u
}

func cursorOf(n int) Cursor {
	rec := entry(n, byte(1+(n-1)/5))
	return rec.Cursor()
}

func TestRead(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		query func(q *Query)
		want  string
	}{
		{"all", func(*Query) {}, "1 2 3 4 5 6 7 8 9 10 11 12"},
		{"reverse", func(q *Query) { q.Reverse = true }, "12 11 10 9 8 7 6 5 4 3 2 1"},
		{"last lines", func(q *Query) { q.Lines = 3 }, "10 11 12"},
		{"more lines than entries", func(q *Query) { q.Lines = 30 }, "1 2 3 4 5 6 7 8 9 10 11 12"},
		{"no lines", func(q *Query) { q.Lines = 0 }, ""},
		{"first lines", func(q *Query) { q.Lines, q.FromHead = 3, true }, "1 2 3"},
		{"first lines since", func(q *Query) { q.Lines, q.FromHead, q.Since = 3, true, usec(4) }, "4 5 6"},
		{"reverse lines", func(q *Query) { q.Lines, q.Reverse = 3, true }, "12 11 10"},
		{"window", func(q *Query) { q.Since, q.Until = usec(4), usec(6) }, "4 5 6"},
		{"window backwards", func(q *Query) { q.Since, q.Until, q.Reverse = usec(4), usec(6), true }, "6 5 4"},
		{"window after the end", func(q *Query) { q.Since = usec(99) }, ""},
		{"last lines since", func(q *Query) { q.Lines, q.Since = 3, usec(4) }, "10 11 12"},
		{"last lines since, fewer", func(q *Query) { q.Lines, q.Since = 3, usec(11) }, "11 12"},
		{"last lines until", func(q *Query) { q.Lines, q.Until = 3, usec(6) }, "4 5 6"},
		{"last lines of a window", func(q *Query) { q.Lines, q.Since, q.Until = 3, usec(5), usec(6) }, "5 6"},
		{"cursor", func(q *Query) { q.Cursor = cursorOf(10) }, "10 11 12"},
		{"after cursor", func(q *Query) { q.Cursor, q.AfterCursor = cursorOf(10), true }, "11 12"},
		{"after the last cursor", func(q *Query) { q.Cursor, q.AfterCursor = cursorOf(12), true }, ""},
		{"cursor backwards", func(q *Query) { q.Cursor, q.Reverse = cursorOf(3), true }, "3 2 1"},
		{"after cursor backwards", func(q *Query) { q.Cursor, q.Reverse, q.AfterCursor = cursorOf(3), true, true }, "2 1"},
		{"cursor with lines", func(q *Query) { q.Cursor, q.Lines = cursorOf(3), 2 }, "3 4"},
		{"after a cursor that the filter does not select", func(q *Query) {
			q.Cursor, q.AfterCursor, q.Filter.Units = cursorOf(3), true, []string{"a.service"}
		}, "4 6 8 10 12"},
		{"unit", func(q *Query) { q.Filter.Units = []string{"b.service"} }, "1 3 5 7 9 11"},
		{"two units", func(q *Query) { q.Filter.Units = []string{"b.service", "a.service"}; q.Lines = 2 }, "11 12"},
		{"unit pattern", func(q *Query) { q.Filter.Units = []string{"[!a]*"} }, "1 3 5 7 9 11"},
		{"unit pattern without a match", func(q *Query) { q.Filter.Units = []string{"x*"} }, ""},
		{"boot", func(q *Query) { q.Filter.Boot = &BootRef{Offset: -1} }, "6 7 8 9 10"},
		{"first boot", func(q *Query) { q.Filter.Boot = &BootRef{Offset: 1} }, "1 2 3 4 5"},
		{"this boot", func(q *Query) { q.Filter.Boot = &BootRef{} }, "11 12"},
		{"boot by id", func(q *Query) { q.Filter.Boot = &BootRef{ID: ID128{0: 2}} }, "6 7 8 9 10"},
		{"boot before an id", func(q *Query) { q.Filter.Boot = &BootRef{ID: ID128{0: 2}, Offset: -1} }, "1 2 3 4 5"},
		{"boot after an id", func(q *Query) { q.Filter.Boot = &BootRef{ID: ID128{0: 2}, Offset: 1} }, "11 12"},
		{"priority", func(q *Query) { q.Filter.Priorities = PriorityRange(0, 1) }, "1 8 9"},
		{"grep", func(q *Query) { q.Filter.Grep = "line 1" }, "1 ~2 10 11 12"},
		{"grep with lines", func(q *Query) { q.Filter.Grep, q.Lines = "line 1", 2 }, "11 12"},
		{"grep with more lines", func(q *Query) { q.Filter.Grep, q.Lines = "LINE 1", 20; q.Filter.IgnoreCase = true }, "1 ~2 10 11 12"},
		{"grep with lines backwards", func(q *Query) { q.Filter.Grep, q.Lines, q.Reverse = "line [1-9]$", 2, true }, "~3 ~2 9 8"},
		{"exclude", func(q *Query) { q.Filter.Exclude = "line [2-9]" }, "1 ~2 10 11 12"},
		{"level", func(q *Query) { q.Filter.MaxLevel = LevelFatal }, "1 2 ~2 8 9 10 ~3"},
		{"matches", func(q *Query) {
			q.Filter.Matches = []Conjunction{{{"PRIORITY", "1"}, {"PRIORITY", "2"}, {"_SYSTEMD_UNIT", "b.service"}}, {{"MESSAGE", "line 12"}}}
		}, "1 9 12"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			local := &Local{Engine: day(12)}
			q := NewQuery()
			tt.query(&q)
			var got heard
			if err := local.Read(t.Context(), q, &got); err != nil {
				t.Fatalf("Read = %v", err)
			}
			if said := strings.Join(got.said, " "); said != tt.want {
				t.Errorf("Read said %q, want %q", said, tt.want)
			}
		})
	}
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		query func(q *Query)
		want  error
		text  string
	}{
		{"since after until", func(q *Query) { q.Since, q.Until = usec(2), usec(1) }, ErrInvalidQuery, "before until"},
		{"follow backwards", func(q *Query) { q.Follow, q.Reverse = true, true }, ErrInvalidQuery, "reverse"},
		{"since and cursor", func(q *Query) { q.Since, q.Cursor = usec(2), cursorOf(1) }, ErrInvalidQuery, "cursor"},
		{"bad cursor", func(q *Query) { q.Cursor = "nonsense" }, ErrBadCursor, "--show-cursor"},
		{"bad pattern", func(q *Query) { q.Filter.Grep = "a(b" }, ErrInvalidQuery, "missing closing )"},
		{"long pattern", func(q *Query) { q.Filter.Grep = strings.Repeat("x", MaxPatternBytes+1) }, ErrInvalidQuery, "1024"},
		{"no such boot", func(q *Query) { q.Filter.Boot = &BootRef{Offset: -9} }, ErrNoBoot, "-9"},
		{"no such boot id", func(q *Query) { q.Filter.Boot = &BootRef{ID: ID128{0: 77}} }, ErrNoBoot, "4d0000"},
		{"not UTF-8", func(q *Query) { q.Filter.Identifiers = []string{"\xff"} }, ErrInvalidQuery, "UTF-8"},
		{"long unit pattern", func(q *Query) { q.Filter.Units = []string{strings.Repeat("*a", 200)} }, ErrInvalidQuery, "255"},
		{"bad field", func(q *Query) { q.Filter.Matches = []Conjunction{{{"a b", "c"}}} }, ErrInvalidQuery, "upper-case"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q := NewQuery()
			tt.query(&q)
			err := (&Local{Engine: day(12)}).Read(t.Context(), q, &heard{})
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("Read = %v, want a %q that contains %q", err, tt.want, tt.text)
			}
		})
	}
}

func TestNothingReadable(t *testing.T) {
	t.Parallel()
	denied := []FileProblem{{Path: "/j/1.journal", Reason: GapDenied, Err: fs.ErrPermission}}
	torn := []FileProblem{{Path: "/j/1.journal", Reason: GapTruncated, Err: io.ErrUnexpectedEOF}}
	tests := []struct {
		name     string
		problems []FileProblem
		files    []File
		source   Source
		want     error
	}{
		{"no permission", denied, nil, Source{}, fs.ErrPermission},
		{"no permission for some", denied, []File{file(1, 1, 12)}, Source{}, nil},
		{"torn", torn, nil, Source{Directory: "/j"}, nil},
		{"torn and named", torn, nil, Source{Files: []string{"/j/1.journal"}}, io.ErrUnexpectedEOF},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := day(12)
			m.problems, m.files = tt.problems, tt.files
			local := &Local{Engine: m, Source: tt.source}
			_, boots := local.Boots(t.Context())
			for what, err := range map[string]error{"Read": local.Read(t.Context(), NewQuery(), &heard{}), "Boots": boots} {
				if !errors.Is(err, tt.want) {
					t.Errorf("%s = %v, want %v", what, err, tt.want)
				}
			}
			if usage, err := local.Usage(t.Context()); err != nil || len(usage.Problems) != 1 {
				t.Errorf("Usage = %v, %v, want the problem", usage, err)
			}
		})
	}
}

func TestReadTellsGaps(t *testing.T) {
	t.Parallel()
	corrupt := FileProblem{Path: "/j/bad.journal", Reason: GapTruncated, Err: errors.New("ends early")}
	dropped := entry(13, 3, "MESSAGE_ID="+messageDropped, "N_DROPPED=42", "UNIT=loud.service", "_TRANSPORT=driver")
	forged := entry(13, 3, "MESSAGE_ID="+messageDropped, "N_DROPPED=42", "UNIT=loud.service", "_TRANSPORT=journal")
	tests := []struct {
		name   string
		change func(m *memory)
		query  func(q *Query)
		want   string
	}{
		{"unreadable file", func(m *memory) { m.problems = []FileProblem{corrupt} }, func(q *Query) { q.Lines = 1 }, "!truncated 0 12"},
		{"journald's rate limit", func(m *memory) { m.records = append(m.records, dropped) }, func(q *Query) { q.Lines = 1 }, "13 !suppressed by journald 42"},
		{"forged rate limit", func(m *memory) { m.records = append(m.records, forged) }, func(q *Query) { q.Lines = 1 }, "13"},
		{"cursor vacuumed backwards", func(m *memory) { m.records = m.records[9:] }, func(q *Query) { q.Cursor, q.AfterCursor, q.Reverse = cursorOf(4), true, true }, "!cursor lost 0"},
		{"cursor vacuumed", func(m *memory) { m.records = m.records[9:] }, func(q *Query) { q.Cursor, q.AfterCursor = cursorOf(4), true }, "!cursor lost 5 10 11 12"},
		{"cursor itself vacuumed", func(m *memory) { m.records = m.records[9:] }, func(q *Query) { q.Cursor = cursorOf(4) }, "!cursor lost 6 10 11 12"},
		{"cursor's entry gone but nothing missed", func(m *memory) { m.records = m.records[9:] }, func(q *Query) { q.Cursor, q.AfterCursor = cursorOf(9), true }, "10 11 12"},
		{"cursor of the future", func(*memory) {}, func(q *Query) { q.Cursor, q.AfterCursor = cursorOf(99), true }, "!cursor lost 0"},
		{"cursor of another sequence", func(m *memory) {
			for i := range m.records {
				m.records[i].SeqnumID = ID128{0: 9}
				m.records[i].XorHash++
			}
		}, func(q *Query) { q.Cursor = cursorOf(11) }, "!cursor lost 0 11 12"},
		{"cursor of an entry that was copied to another sequence", func(m *memory) {
			for i := range m.records {
				m.records[i].SeqnumID = ID128{0: 9}
				m.records[i].Seqnum += 100
			}
		}, func(q *Query) { q.Cursor, q.AfterCursor = cursorOf(11), true }, "112"},
		{"damage that the engine passes over", func(m *memory) {
			m.files = []File{file(1, 1, 6), file(2, 7, 14)}
			m.damaged = []FileProblem{{Path: "/j/2.journal", Reason: GapCorrupt, Err: errors.New("bad hash")}}
		}, func(*Query) {}, "1 2 3 4 5 6 7 8 9 10 11 12 !corrupt 2"},
		{"fewer entries without damage", func(m *memory) {
			m.files = []File{file(1, 1, 6), file(2, 7, 14)}
		}, func(*Query) {}, "1 2 3 4 5 6 7 8 9 10 11 12"},
		{"unreadable entry", func(m *memory) { m.unreadable = 11 }, func(q *Query) { q.Lines = 3 }, "10 11 !corrupt 1 12"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := day(12)
			tt.change(m)
			q := NewQuery()
			tt.query(&q)
			var got heard
			if err := (&Local{Engine: m}).Read(t.Context(), q, &got); err != nil {
				t.Fatalf("Read = %v", err)
			}
			if said := strings.Join(got.said, " "); said != tt.want {
				t.Errorf("Read said %q, want %q", said, tt.want)
			}
		})
	}
}

// TestResume reads with every query that can be cut, cuts it after each entry and resumes with the cursor of the
// last Progress or entry: together they must be what one read gives.
func TestResume(t *testing.T) {
	t.Parallel()
	stop := errors.New("stop")
	for _, units := range [][]string{nil, {"a.service"}} {
		for _, reverse := range []bool{false, true} {
			q := NewQuery()
			q.Reverse, q.Filter.Units = reverse, units
			var whole heard
			if err := (&Local{Engine: day(12)}).Read(t.Context(), q, &whole); err != nil {
				t.Fatal(err)
			}
			for cut := 1; cut <= len(whole.said); cut++ {
				var cursor Cursor
				var parts heard
				parts.entry = func(e Entry) error {
					cursor = e.Header().Cursor()
					if len(parts.said) == cut {
						return stop
					}
					return nil
				}
				if err := (&Local{Engine: day(12)}).Read(t.Context(), q, &parts); !errors.Is(err, stop) {
					t.Fatalf("Read = %v, want the sink's error", err)
				}
				parts.entry = nil
				rest := q
				rest.Cursor, rest.AfterCursor = cursor, true
				if err := (&Local{Engine: day(12)}).Read(t.Context(), rest, &parts); err != nil {
					t.Fatal(err)
				}
				if parts.last.Cursor == "" {
					t.Errorf("after a read from %s the position is not known", cursor)
				}
				if got, want := strings.Join(parts.said, " "), strings.Join(whole.said, " "); got != want {
					t.Errorf("units %v reverse %v cut after %d: %q, want %q", units, reverse, cut, got, want)
				}
			}
		}
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	m := day(12)
	m.files = []File{file(1, 1, 12)}
	ctx, cancel := context.WithCancel(t.Context())
	step := 0
	m.wait = func(r *memoryReader) Change {
		step++
		switch step {
		case 1:
			m.records = append(m.records, day(14).records[12:]...)
			m.files = []File{file(1, 1, 14)}
			return ChangeAppended
		case 2:
			// Rotated, nothing lost: the old file is read to its end.
			m.files = []File{file(2, 15, 16), file(1, 1, 14)}
			m.records = append(m.records, day(16).records[14:]...)
			return ChangeFiles
		case 3:
			// Rotated twice, and 17 to 19 vacuumed before they were read.
			m.files = []File{file(3, 20, 21)}
			m.records = append(m.records, day(21).records[19:]...)
			return ChangeFiles
		default:
			cancel()
			return ChangeNone
		}
	}
	q := NewQuery()
	q.Follow, q.Lines = true, 2
	var got heard
	if err := (&Local{Engine: m}).Read(ctx, q, &got); !errors.Is(err, context.Canceled) {
		t.Fatalf("Read = %v, want %v", err, context.Canceled)
	}
	if said, want := strings.Join(got.said, " "), "11 12 13 14 15 16 !vacuumed 3 20 21"; said != want {
		t.Errorf("Read said %q, want %q", said, want)
	}
	if !got.lastGap.Exact {
		t.Error("the gap of an unfiltered read is not exact")
	}
	if want := cursorOf(21); got.last.Cursor != want || !got.last.CaughtUp {
		t.Errorf("last progress = %+v, want caught up at %s", got.last, want)
	}
}

// TestFollowTellsItsPosition: a follower whose filter selects nothing tells how far it is all the same.
func TestFollowTellsItsPosition(t *testing.T) {
	t.Parallel()
	m := day(12)
	m.files = []File{file(1, 1, 12)}
	ctx, cancel := context.WithCancel(t.Context())
	m.wait = func(*memoryReader) Change {
		cancel()
		return ChangeNone
	}
	q := NewQuery()
	q.Follow, q.Lines, q.Filter.Units = true, 0, []string{"quiet.service"}
	var got heard
	if err := (&Local{Engine: m}).Read(ctx, q, &got); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	h, err := got.last.Cursor.Parse()
	if err != nil || h.Seqnum != 12 || got.last.Watermark != *usec(12) {
		t.Errorf("position = %q, %v, want entry 12", got.last.Cursor, err)
	}
	q.Filter.Units = []string{"quiet*"}
	if err := (&Local{Engine: m}).Read(t.Context(), q, &got); !errors.Is(err, ErrInvalidQuery) {
		t.Errorf("follow of a pattern without a unit = %v, want %v", err, ErrInvalidQuery)
	}
}

// TestFollowTellsThatItCannotWatch: once, however often it waits.
func TestFollowTellsThatItCannotWatch(t *testing.T) {
	t.Parallel()
	m := day(3)
	m.files = []File{file(1, 1, 3)}
	m.watchErr = errors.New("no inotify instances left")
	ctx, cancel := context.WithCancel(t.Context())
	waits := 0
	m.wait = func(*memoryReader) Change {
		if waits++; waits == 5 {
			cancel()
			return ChangeNone
		}
		return ChangeAppended
	}
	q := NewQuery()
	q.Follow = true
	var told []error
	local := &Local{Engine: m, OnWatchError: func(err error) { told = append(told, err) }}
	if err := local.Read(ctx, q, &heard{}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if len(told) != 1 || !errors.Is(told[0], m.watchErr) {
		t.Errorf("told %v, want the error once", told)
	}
}

// TestFilesRemovedWhileReading removes the second of three files after the third entry.
func TestFilesRemovedWhileReading(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		query func(q *Query)
		want  string
		exact bool
	}{
		{"all", func(*Query) {}, "1 2 3 9 10 11 12 !vacuumed 5", true},
		{"unit", func(q *Query) { q.Filter.Units = []string{"b.service"} }, "1 3 9 11 !vacuumed 5", false},
		{"window before it", func(q *Query) { q.Until = usec(3) }, "1 2 3", false},
		{"window over it", func(q *Query) { q.Since = usec(2) }, "2 3 9 10 11 12 !vacuumed 5", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := day(12)
			m.files = []File{file(1, 1, 3), file(2, 4, 8), file(3, 9, 12)}
			q := NewQuery()
			tt.query(&q)
			var got heard
			got.entry = func(e Entry) error {
				if e.Header().Seqnum == 3 {
					m.files = []File{m.files[0], m.files[2]}
					for i := 3; i < 8; i++ {
						m.records[i].Fields = nil
						m.records[i].Seqnum = 0
					}
					m.removed = true
				}
				return nil
			}
			if err := (&Local{Engine: m}).Read(t.Context(), q, &got); err != nil {
				t.Fatal(err)
			}
			if said := strings.Join(got.said, " "); said != tt.want {
				t.Errorf("Read said %q, want %q", said, tt.want)
			}
			if got.lastGap.Exact != tt.exact {
				t.Errorf("exact = %v, want %v", got.lastGap.Exact, tt.exact)
			}
		})
	}
}

func TestLossTracker(t *testing.T) {
	t.Parallel()
	other := func(id byte, head, tail uint64) File {
		f := file(id, head, tail)
		f.SeqnumID = ID128{0: id}
		return f
	}
	tests := []struct {
		name  string
		files []File
		want  string
		exact bool
	}{
		{"nothing new", []File{file(1, 1, 10)}, "", false},
		{"grown", []File{file(1, 1, 14)}, "", false},
		{"rotated", []File{file(1, 1, 12), file(2, 13, 14)}, "", false},
		{"rotated and the old one gone", []File{file(2, 13, 14)}, "!vacuumed 2", true},
		{"numbers that a user's file has", []File{file(2, 13, 14), other(7, 11, 12)}, "", false},
		{"numbers that a user's file has in part", []File{file(2, 15, 16), other(7, 11, 12), other(8, 12, 13)}, "!vacuumed 1", false},
		{"all gone", nil, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			lost := &lossTracker{read: map[ID128]uint64{testSequence: 10}, every: true}
			var got heard
			if err := lost.check(tt.files, 0, true, &got); err != nil {
				t.Fatal(err)
			}
			if said := strings.Join(got.said, " "); said != tt.want || got.lastGap.Exact != tt.exact {
				t.Errorf("check said %q, exact %v, want %q, %v", said, got.lastGap.Exact, tt.want, tt.exact)
			}
			// Once is enough.
			if err := lost.check(tt.files, 0, true, &got); err != nil {
				t.Fatal(err)
			}
			if said := strings.Join(got.said, " "); said != tt.want {
				t.Errorf("the second check said more: %q", said)
			}
		})
	}
}

// TestLossWhileReading: numbers that the reader passed over are told once, to whom sees every entry.
func TestLossWhileReading(t *testing.T) {
	t.Parallel()
	lost := &lossTracker{read: map[ID128]uint64{testSequence: 10}, every: true}
	at := func(n uint64) Header { return Header{SeqnumID: testSequence, Seqnum: n, Realtime: Usec(n)} }
	var got heard
	settle := func(want string) {
		t.Helper()
		got.said = nil
		if err := lost.settle(t.Context(), &memoryReader{m: &memory{}}, &got); err != nil {
			t.Fatal(err)
		}
		if said := strings.Join(got.said, " "); said != want {
			t.Errorf("settle said %q, want %q", said, want)
		}
	}
	lost.saw(at(13)) // before the first end the ledger tells
	settle("")
	lost.reached()
	lost.saw(at(14))
	settle("")
	lost.saw(at(20))
	lost.saw(at(21))
	lost.saw(at(23))
	settle("!vacuumed 5 !vacuumed 1")
	settle("")
	for n := uint64(30); n < 30+4*maxHoles; n += 2 {
		lost.saw(at(n))
	}
	if n := len(lost.holes); n != maxHoles {
		t.Errorf("%d holes, want %d", n, maxHoles)
	}
	lost = &lossTracker{read: map[ID128]uint64{testSequence: 10}, following: true}
	lost.saw(at(20))
	settle("")
}

func TestFollowEndsAtUntil(t *testing.T) {
	t.Parallel()
	m := day(12)
	m.wait = func(*memoryReader) Change {
		n := len(m.records)
		m.records = append(m.records, day(n + 1).records[n:]...)
		return ChangeAppended
	}
	q := NewQuery()
	q.Follow, q.Lines, q.Until = true, 0, usec(14)
	var got heard
	clock := time.Unix(13, 0)
	local := &Local{Engine: m, clock: func() time.Time { return clock }}
	if err := local.Read(t.Context(), q, &got); err != nil {
		t.Fatalf("Read = %v", err)
	}
	if said, want := strings.Join(got.said, " "), "13 14"; said != want {
		t.Errorf("Read said %q, want %q", said, want)
	}
	// On a quiet node the clock ends it.
	m.wait = func(*memoryReader) Change {
		clock = time.Unix(17, 0)
		return ChangeAppended
	}
	q.Filter.Units = []string{"quiet.service"}
	if err := local.Read(t.Context(), q, &got); err != nil {
		t.Fatalf("Read = %v", err)
	}
}

// TestFollowFromTheFuture follows from a cursor that lies after all entries: what comes is delivered, and the position
// is known at once.
func TestFollowFromTheFuture(t *testing.T) {
	t.Parallel()
	for _, units := range [][]string{nil, {"a.service"}, {"b.service"}} {
		m := day(12)
		ctx, cancel := context.WithCancel(t.Context())
		var got heard
		step := 0
		m.wait = func(*memoryReader) Change {
			if step++; step > 1 {
				cancel()
				return ChangeNone
			}
			if got.last.Cursor != cursorOf(12) {
				t.Errorf("units %v: position before the first entry is %q, want that of 12", units, got.last.Cursor)
			}
			m.records = append(m.records, day(14).records[12:]...)
			return ChangeAppended
		}
		q := NewQuery()
		q.Follow, q.Cursor, q.AfterCursor, q.Filter.Units = true, cursorOf(99), true, units
		if err := (&Local{Engine: m}).Read(ctx, q, &got); !errors.Is(err, context.Canceled) {
			t.Fatalf("Read = %v, want %v", err, context.Canceled)
		}
		want := map[int]string{0: "!cursor lost 0 13 14"}[len(units)]
		if len(units) > 0 {
			want = "!cursor lost 0 " + map[string]string{"a.service": "14", "b.service": "13"}[units[0]]
		}
		if said := strings.Join(got.said, " "); said != want {
			t.Errorf("units %v: Read said %q, want %q", units, said, want)
		}
		cancel()
	}
}

// TestPositionStaysInTheWindow resumes after a read that its window ended, with a later window.
func TestPositionStaysInTheWindow(t *testing.T) {
	t.Parallel()
	q := NewQuery()
	q.Until = usec(6)
	var got heard
	local := &Local{Engine: day(12)}
	if err := local.Read(t.Context(), q, &got); err != nil {
		t.Fatal(err)
	}
	q.Until, q.Cursor, q.AfterCursor = usec(8), got.last.Cursor, true
	if err := local.Read(t.Context(), q, &got); err != nil {
		t.Fatal(err)
	}
	if said, want := strings.Join(got.said, " "), "1 2 3 4 5 6 7 8"; said != want {
		t.Errorf("two windows said %q, want %q", said, want)
	}
	q = NewQuery()
	q.Reverse, q.Cursor, q.Since = true, cursorOf(5), usec(3)
	got = heard{}
	if err := local.Read(t.Context(), q, &got); err != nil {
		t.Fatal(err)
	}
	if said, want := strings.Join(got.said, " "), "5 4 3"; said != want {
		t.Errorf("backwards from a cursor to a time: %q, want %q", said, want)
	}
}

func TestBootsUnitsInvocations(t *testing.T) {
	t.Parallel()
	m := day(12)
	run := ID128{0: 0xaa}
	for i := range m.records[:4] {
		m.records[i].Fields = append(m.records[i].Fields, Field{Name: "_SYSTEMD_INVOCATION_ID", Value: []byte(run.String())})
	}
	local := &Local{Engine: m}
	boots, err := local.Boots(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []Boot{{ID128{0: 1}, *usec(1), *usec(5)}, {ID128{0: 2}, *usec(6), *usec(10)}, {ID128{0: 3}, *usec(11), *usec(12)}}
	if len(boots) != 3 || boots[0] != want[0] || boots[1] != want[1] || boots[2] != want[2] {
		t.Errorf("Boots = %v, want %v", boots, want)
	}
	units, err := local.Units(t.Context(), []string{"b*", "[x]"}, false)
	if err != nil || strings.Join(units, " ") != "b.service" {
		t.Errorf("Units = %v, %v, want b.service", units, err)
	}
	runs, err := local.Invocations(t.Context(), "b.service", false)
	if err != nil || len(runs) != 1 || runs[0] != (Invocation{run, *usec(1), *usec(3)}) {
		t.Errorf("Invocations = %v, %v, want one of second 1 to 3", runs, err)
	}
}

func BenchmarkFilter(b *testing.B) {
	m := day(1000)
	for _, bm := range []struct{ name, grep string }{{"all", ""}, {"grep", "line 9.*9"}} {
		b.Run(bm.name, func(b *testing.B) {
			q := NewQuery()
			q.Filter.Grep = bm.grep
			b.ReportAllocs()
			for b.Loop() {
				if err := (&Local{Engine: m}).Read(b.Context(), q, discard{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "entries/s")
		})
	}
}

type discard struct{}

func (discard) Entry(Entry) error       { return nil }
func (discard) Gap(Gap) error           { return nil }
func (discard) Progress(Progress) error { return nil }

func TestBootRefString(t *testing.T) {
	t.Parallel()
	for want, ref := range map[string]BootRef{
		"-1":                                  {Offset: -1},
		strings.Repeat("0", 31) + "1":         {ID: testSequence},
		strings.Repeat("0", 31) + "1" + "+2":  {ID: testSequence, Offset: 2},
		strings.Repeat("0", 31) + "1" + "-12": {ID: testSequence, Offset: -12},
		strconv.Itoa(0):                       {},
	} {
		if got := ref.String(); got != want {
			t.Errorf("%+v.String() = %q, want %q", ref, got, want)
		}
	}
}
