// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"fmt"
	"testing"
	"time"
)

// A later event of the same container does not hide what an earlier one says.
func TestHints(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		hints []hint
		want  pending
	}{
		"start, then update": {
			[]hint{{want: expectStarted}, {updated: true}}, pending{want: expectStarted, updated: true},
		},
		"update, then end": {
			[]hint{{updated: true}, {want: expectEnded}}, pending{want: expectEnded, updated: true},
		},
		"want of memory after the end": {
			[]hint{{want: expectEnded}, {oom: true}}, pending{want: expectEnded, oom: true},
		},
		"end after start": {
			[]hint{{want: expectStarted}, {want: expectEnded}}, pending{want: expectEnded},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, together := range []bool{true, false} {
				e := &session{hints: newHints(), pending: map[string]*pending{}, store: newStore()}
				for _, h := range test.hints {
					h.id = "c0"
					e.hints.add(h)
					if !together {
						if err := e.take(time.Now()); err != nil {
							t.Fatal(err)
						}
					}
				}
				if err := e.take(time.Now()); err != nil {
					t.Fatal(err)
				}
				got := *e.pending["c0"]
				got.due = time.Time{}
				if got != test.want {
					t.Errorf("taken together (%t): %+v, want %+v", together, got, test.want)
				}
			}
		})
	}
}

// When events were lost everything is asked for, and once more soon after.
func TestTooManyHints(t *testing.T) {
	t.Parallel()
	e := &session{hints: newHints(), pending: map[string]*pending{}, store: newStore()}
	now := time.Now()
	c := &container{id: "c0", sandbox: "aa", asking: asking{asked: true, again: now.Add(time.Hour)}}
	e.store.containers["c0"] = c
	for n := range maxHints + 1 {
		e.hints.add(hint{id: fmt.Sprint(n)})
	}
	if err := e.take(now); err != nil {
		t.Fatal(err)
	}
	if !e.full.Equal(now) || !e.missed || len(e.questions(now)) != 1 {
		t.Errorf("everything is listed at %v, missed %t, %d questions", e.full, e.missed, len(e.questions(now)))
	}
}
