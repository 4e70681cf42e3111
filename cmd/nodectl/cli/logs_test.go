// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// TestLogsPlan checks what the options make of a selector and a query.
func TestLogsPlan(t *testing.T) {
	t.Parallel()
	now := time.Unix(1700000000, 0)
	nano := func(n int64) *int64 { return &n }
	named := func(names ...string) inventory.LogSelector {
		return inventory.LogSelector{Pods: &inventory.PodSelector{Names: names}}
	}
	inNamespace := inventory.LogSelector{Pods: &inventory.PodSelector{Namespace: "shop", Names: []string{"web"}}, Containers: []string{"app"}}
	labelled := inventory.LogSelector{Pods: &inventory.PodSelector{LabelSelector: "app=web"}, AllContainers: true}
	tests := []struct {
		args string
		want logsPlan
	}{
		{"web", logsPlan{wanted: named("web"), word: "web", query: podlog.Query{Tail: -1, Limit: -1}}},
		{"pod/web -f", logsPlan{wanted: named("pod/web"), query: podlog.Query{Tail: -1, Limit: -1, Follow: true}}},
		{"deploy/web --tail 3", logsPlan{wanted: named("deploy/web"), several: true, query: podlog.Query{Tail: 3, Limit: -1}}},
		{"web app -n shop -p", logsPlan{wanted: inNamespace, query: podlog.Query{Tail: -1, Limit: -1, Runs: podlog.RunsPrevious}}},
		{"web -c app -n shop -p -f", logsPlan{wanted: inNamespace, query: podlog.Query{Tail: -1, Limit: -1, Runs: podlog.RunsPrevious}}},
		{"-l app=web --all-containers", logsPlan{wanted: labelled, several: true, query: podlog.Query{Tail: 10, Limit: -1}}},
		{"-l app=web --all-containers --tail=-1 -A -n x", logsPlan{wanted: labelled, several: true, query: podlog.Query{Tail: -1, Limit: -1}}},
		{"docker://3f2a", logsPlan{wanted: inventory.LogSelector{ContainerIDs: []string{"docker://3f2a"}}, query: podlog.Query{Tail: -1, Limit: -1}}},
		{"web --since 10s --until 1s --all-restarts --reverse", logsPlan{wanted: named("web"), word: "web", query: podlog.Query{
			Tail: -1, Limit: -1, Since: nano(1699999990e9), Until: nano(1699999999e9), Runs: podlog.RunsAll, Reverse: true,
		}}},
		{"web --since 1.5h", logsPlan{wanted: named("web"), word: "web", query: podlog.Query{Tail: -1, Limit: -1, Since: nano(1699994600e9)}}},
		{"web --since 0s --since-time=2023-11-14T22:13:20.000000001Z", logsPlan{}},
		{"web -g err --exclude Probe --level error --stream stderr", logsPlan{wanted: named("web"), word: "web", query: podlog.Query{
			Tail: -1, Limit: -1, Filter: podlog.Filter{Grep: "err", Exclude: "Probe", MaxLevel: journal.LevelError, Streams: []podlog.Stream{podlog.Stderr}},
		}}},
	}
	for _, tt := range tests {
		f := &logsFlags{}
		flags := pflag.NewFlagSet("logs", pflag.ContinueOnError)
		f.define(flags)
		if err := flags.Parse(strings.Fields(tt.args)); err != nil {
			t.Fatal(err)
		}
		p, err := f.makePlan(flags, flags.Args(), now)
		if tt.want.wanted.Pods == nil && tt.want.wanted.ContainerIDs == nil {
			if ExitCode(err) != ExitUsage {
				t.Errorf("%q = %v, want a usage error", tt.args, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", tt.args, err)
			continue
		}
		if diff := cmp.Diff(&tt.want, p, cmp.AllowUnexported(logsPlan{})); diff != "" {
			t.Errorf("%q: -want +got\n%s", tt.args, diff)
		}
	}
}

// logLine is a record of a test: source|stream|text, with + at the end of a partial one.
func logRecords(lines ...string) []*podlog.Record {
	files := map[string]*podlog.File{}
	var records []*podlog.Record
	for i, line := range lines {
		parts := strings.SplitN(line, "|", 3)
		f := files[parts[0]]
		if f == nil {
			name, run, _ := strings.Cut(parts[0], "#")
			f = &podlog.File{Source: &podlog.Source{Namespace: "ns", Pod: "pod-" + name, UID: "uid-" + name, Container: name}, Run: uint32(len(run))}
			files[parts[0]] = f
		}
		r := &podlog.Record{File: f, Time: 1700000000e9 + int64(i), Stream: podlog.Stdout}
		if parts[1] == "e" {
			r.Stream = podlog.Stderr
		}
		text, partial := strings.CutSuffix(parts[2], "+")
		r.Text, r.Partial = []byte(text), partial
		records = append(records, r)
	}
	return records
}

// TestLogPrinter checks where lines begin and end.
func TestLogPrinter(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		options logOptions
		records []string
		want    string
	}{
		{"whole lines", logOptions{}, []string{"a|o|1", "b|e|2"}, "1\n2\n"},
		{"a line in parts", logOptions{prefix: true}, []string{"a|o|1+", "a|o|2+", "a|o|3"}, "[pod/pod-a/a] 123\n"},
		{"no newline at the end", logOptions{}, []string{"a|o|1", "a|o|2+"}, "1\n2"},
		{"another container", logOptions{prefix: true}, []string{"a|o|1+", "b|o|2", "a|o|3"}, "[pod/pod-a/a] 1\n[pod/pod-b/b] 2\n[pod/pod-a/a] 3\n"},
		{"another stream", logOptions{}, []string{"a|o|1+", "a|e|2+", "a|o|3"}, "1\n2\n3\n"},
		{"another run", logOptions{}, []string{"a|o|1+", "a#x|o|2"}, "1\n2\n"},
		{"raw is exact", logOptions{format: logRaw}, []string{"a|o|1+", "a|e|2+", "a|o|3"}, "123\n"},
		{"newest first", logOptions{whole: true}, []string{"a|o|2+", "a|o|1"}, "2\n1\n"},
		{"times", logOptions{timestamps: true}, []string{"a|o|1+", "a|o|2"}, "2023-11-14T22:13:20.000000000Z 12\n"},
		{"namespaces", logOptions{prefix: true, namespaces: true}, []string{"a|o|1"}, "[ns/pod/pod-a/a] 1\n"},
		{"visible", logOptions{visible: true}, []string{"a|o|\x1b[31mred\x1b]0;x\x07\nforged"}, `red\x1b]0;x\x07\x0aforged` + "\n"},
		{"a sequence in two records", logOptions{visible: true}, []string{"a|o|\x1b[3+", "a|o|1m"}, `\x1b[31m` + "\n"},
		{"limit", logOptions{limitBytes: 4}, []string{"a|o|12", "b|o|abcdef", "a|o|34", "b|o|g"}, "12\nabcd\n3"},
		{"limit at a newline", logOptions{limitBytes: 2}, []string{"a|o|12", "a|o|34", "b|o|x"}, "12\nx\n"},
		{"limit with times", logOptions{limitBytes: 33, timestamps: true}, []string{"a|o|1234", "a|o|5"}, "2023-11-14T22:13:20.000000000Z 12"},
		{"JSON", logOptions{format: logJSON}, []string{"a|e|1+"},
			`{"time":"2023-11-14T22:13:20.000000000Z","node":"","namespace":"ns","pod":"pod-a","pod_uid":"uid-a","container":"a","container_id":"","run":0,"stream":"stderr","text":"1","partial":true}` + "\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			p := newLogPrinter(&out, tt.options)
			for _, r := range logRecords(tt.records...) {
				if err := p.print(r); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.flush(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestLogPrefixOfNoPod: a container that is in no pod is named by itself, and names are made safe.
func TestLogPrefixOfNoPod(t *testing.T) {
	t.Parallel()
	p := newLogPrinter(discard{}, logOptions{prefix: true})
	for _, tt := range []struct {
		source podlog.Source
		want   string
	}{
		{podlog.Source{Container: "registry", ID: "1"}, "[container/registry] "},
		{podlog.Source{Pod: "p\x1b[2J", UID: "u", Container: "c"}, `[pod/p\x1b[2J/c] `},
	} {
		if got := string(p.appendPrefix(nil, &tt.source)); got != tt.want {
			t.Errorf("prefix of %v = %q, want %q", tt.source, got, tt.want)
		}
	}
}

// TestLogClock compares with time.Format.
func TestLogClock(t *testing.T) {
	t.Parallel()
	var c logClock
	for _, r := range []*podlog.Record{
		{Time: 1700000000e9 + 5}, {Time: 1700000000e9 + 123456789}, {Time: 1700000000e9 + 123456789, Zone: 120}, {Time: 1700000001e9, Zone: -570}, {Time: -1},
	} {
		want := r.Timestamp().Format("2006-01-02T15:04:05.000000000Z07:00")
		if got := string(c.append(nil, r)); got != want {
			t.Errorf("time %d zone %d = %s, want %s", r.Time, r.Zone, got, want)
		}
	}
}

func BenchmarkLogPrinter(b *testing.B) {
	records := logRecords("a|o|I1124 22:14:24.000000       1 controller.go:231] Reconciling deployment default/web generation 42", "b|e|another line of a usual length, with some words in it")
	for _, bb := range []struct {
		name    string
		options logOptions
	}{{"text", logOptions{}}, {"prefix", logOptions{prefix: true, timestamps: true}}, {"terminal", logOptions{visible: true}}, {"json", logOptions{format: logJSON}}} {
		b.Run(bb.name, func(b *testing.B) {
			p := newLogPrinter(discard{}, bb.options)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if err := p.print(records[i&1]); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// FuzzLogPrinter wants that on a terminal no text gets through that drives it or forges a line, however it is cut into records.
func FuzzLogPrinter(f *testing.F) {
	f.Add([]byte("\x1b[3"), []byte("1m\x9b\xe2\x80"), []byte("\xae[pod/x/y] \n"), true)
	f.Fuzz(func(t *testing.T, first, second, third []byte, timestamps bool) {
		records := logRecords("a|o|+", "a|o|+", "a|o|", "b|e|+")
		for i, text := range [][]byte{first, second, third, first} {
			records[i].Text = text
		}
		var out bytes.Buffer
		p := newLogPrinter(&out, logOptions{prefix: true, visible: true, timestamps: timestamps})
		for _, r := range records {
			if err := p.print(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.flush(); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(out.String(), "\n"); lines != 1 {
			t.Errorf("%d lines: %q", lines, out.String())
		}
		for _, r := range out.String() {
			if r < ' ' && r != '\t' && r != '\n' || r >= 0x7f && r < 0xa0 || r == 0x202e || r == utf8.RuneError && !bytes.ContainsRune(bytes.Join([][]byte{first, second, third}, nil), r) {
				t.Errorf("%q has %U", out.String(), r)
			}
		}
	})
}
