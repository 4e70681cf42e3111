// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"errors"
	"testing"
)

const exampleCursor = "s=6840fabca2b64174b573f250e1c62908;i=14;b=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa02;m=2dc6c5;t=60a2419402ac0;x=fea7a0740b8ac872"

func TestCursor(t *testing.T) {
	t.Parallel()
	h, err := Cursor(exampleCursor).Parse()
	if err != nil {
		t.Fatal(err)
	}
	if h.Seqnum != 20 || h.Monotonic != 3000005 || h.Realtime != 1700000019000000 || h.Cursor() != exampleCursor {
		t.Errorf("Parse(%s) = %+v", exampleCursor, h)
	}
	for _, bad := range []Cursor{"", "x", "i", "s=12;i=1", "i=zz", "i=1;q", "b=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa02", "s=00000000000000000000000000000000;i=1"} {
		if _, err := bad.Parse(); !errors.Is(err, ErrBadCursor) || !errors.Is(err, ErrInvalidQuery) {
			t.Errorf("Parse(%q) = %v, want %v", bad, err, ErrBadCursor)
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(exampleCursor)
	f.Add("i=1")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := Cursor(s).Parse()
		if err != nil || h.SeqnumID.IsZero() {
			return
		}
		again, err := h.Cursor().Parse()
		if err != nil || again != h {
			t.Errorf("Parse(%q) = %+v, which comes back as %+v, %v", s, h, again, err)
		}
	})
}

func TestLevelOf(t *testing.T) {
	t.Parallel()
	tests := []struct {
		message, priority string
		want              Level
	}{
		{"", "6", LevelInfo},
		{"", "", LevelUnknown},
		{"plain", "3", LevelError},
		{"plain", "0", LevelFatal},
		{"plain", "x", LevelUnknown},
		{`E1123 20:34:05.769816  123 kubelet.go:2002] "Failed"`, "6", LevelError},
		{`W1123 20:34:05.769816  123 kubelet.go:2002] x`, "6", LevelWarning},
		{`I1123 20:34:05.769816  123 kubelet.go:2002] level=error`, "3", LevelInfo},
		{`F1123 20:34:05.769816 x`, "6", LevelFatal},
		{"E1123 not klog", "6", LevelInfo},
		{`time="2026-11-23T20:34:05Z" level=warning msg="level=debug"`, "6", LevelWarning},
		{`msg="level=debug \" level=info" lvl=error`, "6", LevelError},
		{`ts=1 level="error"`, "6", LevelError},
		{"sealevel=error", "6", LevelInfo},
		{`{"ts":1,"level":"error","msg":"x"}`, "6", LevelError},
		{`{"msg":"level","level":"warn"}`, "6", LevelWarning},
		{`{"a":{"level":"error"},"level":"debug"}`, "6", LevelDebug},
		{`{"level":50}`, "6", LevelError},
		{`{"level":5000`, "6", LevelInfo},
		{`{"severity": "INFO"}`, "3", LevelInfo},
		{`{"level`, "6", LevelInfo},
	}
	for _, tt := range tests {
		if got := LevelOf([]byte(tt.message), []byte(tt.priority)); got != tt.want {
			t.Errorf("LevelOf(%q, %q) = %v, want %v", tt.message, tt.priority, got, tt.want)
		}
	}
	for _, l := range []Level{LevelFatal, LevelError, LevelWarning, LevelInfo, LevelDebug, LevelTrace} {
		if got, err := ParseLevel(l.String()); err != nil || got != l {
			t.Errorf("ParseLevel(%q) = %v, %v", l, got, err)
		}
	}
}

func FuzzLevelOf(f *testing.F) {
	f.Add([]byte(`{"level":"error"}`))
	f.Add([]byte(`E1123 20:34:05.769816  1 x`))
	f.Add([]byte(`a="b\"" level=info`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if l := LevelOf(text, nil); l > LevelTrace {
			t.Errorf("LevelOf(%q) = %d", text, l)
		}
	})
}

func TestAllPrioritiesAreNoRestriction(t *testing.T) {
	t.Parallel()
	m := &memory{records: []Record{entry(1, 1, "PRIORITY=7"), entry(2, 1, "MESSAGE=no priority")}}
	q := NewQuery()
	for set, want := range map[PrioritySet]int{PriorityRange(0, 7): 2, PriorityRange(7, 1): 1} {
		q.Filter.Priorities = set
		var got heard
		if err := (&Local{Engine: m}).Read(t.Context(), q, &got); err != nil || len(got.said) != want {
			t.Errorf("priorities %08b: Read said %v, %v, want %d entries", set, got.said, err, want)
		}
	}
}

func TestParseTermAndID(t *testing.T) {
	t.Parallel()
	term, err := ParseTerm("_PID=a=b")
	if err != nil || term != (Term{"_PID", "a=b"}) {
		t.Errorf("ParseTerm = %v, %v", term, err)
	}
	for _, bad := range []string{"", "x", "lower=1", "1A=2", "=3"} {
		if _, err := ParseTerm(bad); !errors.Is(err, ErrInvalidQuery) {
			t.Errorf("ParseTerm(%q) = %v, want %v", bad, err, ErrInvalidQuery)
		}
	}
	a, err := ParseID128("6840fabca2b64174b573f250e1c62908")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := ParseID128("6840fabc-a2b6-4174-b573-f250e1c62908"); err != nil || a != b {
		t.Errorf("ParseID128 with dashes = %v, %v, want %v", b, err, a)
	}
	for _, bad := range []string{"", "zz40fabca2b64174b573f250e1c62908", "6840fabca2b64174b573f250e1c6290", "6840fabca2-b64174b573f250e1c62908xxxx"} {
		if _, err := ParseID128(bad); err == nil {
			t.Errorf("ParseID128(%q) succeeded", bad)
		}
	}
}
