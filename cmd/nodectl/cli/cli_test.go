// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.uber.org/goleak"

	"github.com/noded/noded/client"
	"github.com/noded/noded/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestTree wants a description of every command and option.
func TestTree(t *testing.T) {
	t.Parallel()
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Short == "" && !cmd.Hidden {
			t.Errorf("%s has no description", cmd.CommandPath())
		}
		cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
			if flag.Usage == "" && !flag.Hidden {
				t.Errorf("%s --%s has no description", cmd.CommandPath(), flag.Name)
			}
		})
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(NewCommand(Streams{Getenv: func(string) string { return "" }}))
}

func TestExitCode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err  error
		want int
	}{
		{nil, ExitOK},
		{syscall.EPIPE, ExitOK},
		{errors.New("x"), ExitFailure},
		{&silentError{code: ExitPartial}, ExitPartial},
		{&usageError{err: errors.New("x")}, ExitUsage},
		{errors.Join(&journal.QueryError{Field: "since"}), ExitUsage},
		{fmt.Errorf("boot 7: %w", journal.ErrNoBoot), ExitNotFound},
		{fmt.Errorf("open: %w", fs.ErrNotExist), ExitNotFound},
		{fmt.Errorf("open: %w", fs.ErrPermission), ExitDenied},
		{&client.Error{Kind: client.ErrDenied, Err: errors.New("x")}, ExitDenied},
		{&client.Error{Kind: client.ErrUnreachable, Err: fs.ErrNotExist}, ExitUnreachable},
		{&interruptError{signal: syscall.SIGINT}, ExitInterrupted},
		{context.Canceled, ExitInterrupted},
	}
	for _, tt := range tests {
		if got := ExitCode(tt.err); got != tt.want {
			t.Errorf("ExitCode(%v) = %d, want %d", tt.err, got, tt.want)
		}
	}
}

// TestPlan checks what the options make of a query.
func TestPlan(t *testing.T) {
	t.Parallel()
	const cursor = "s=51000000000000000000000000000000;i=e"
	usec := func(n journal.Usec) *journal.Usec { return &n }
	thisBoot := journal.Filter{Boot: &journal.BootRef{}}
	tests := []struct {
		args string
		want journal.Query
	}{
		{"", journal.Query{Lines: -1}},
		{"-e", journal.Query{Lines: 1000, Filter: thisBoot}},
		{"-e -n 5", journal.Query{Lines: 5, Filter: thisBoot}},
		{"-f", journal.Query{Lines: 10, Follow: true, Filter: thisBoot}},
		{"-f -m", journal.Query{Lines: 10, Follow: true}},
		{"-f -b all", journal.Query{Lines: 10, Follow: true}},
		{"-f --no-tail", journal.Query{Lines: -1, Follow: true, Filter: thisBoot}},
		{"-f -S @5", journal.Query{Lines: -1, Follow: true, Since: usec(5000000), Filter: thisBoot}},
		{"-k", journal.Query{Lines: -1, Filter: journal.Filter{Boot: &journal.BootRef{}, Transports: []string{"kernel"}}}},
		{"-g x -n 3", journal.Query{Lines: 3, Reverse: true, Filter: journal.Filter{Grep: "x", IgnoreCase: true}}},
		{"-g X -n +3", journal.Query{Lines: 3, FromHead: true, Filter: journal.Filter{Grep: "X"}}},
		{"-f -g x -b all", journal.Query{Lines: 10, Follow: true, Filter: journal.Filter{Grep: "x", IgnoreCase: true}}},
		{"-c " + cursor + " -n 3", journal.Query{Cursor: cursor, Lines: 3, FromHead: true}},
		{"--after-cursor " + cursor + " -f -b all", journal.Query{Cursor: cursor, AfterCursor: true, Lines: -1, Follow: true}},
		{"kubelet A=1 B=2 + C=3 -p 1 -T x", journal.Query{Lines: -1, Filter: journal.Filter{}}},
		{"A=1 B=2 + C=3 -p 1 -T x", journal.Query{Lines: -1, Filter: journal.Filter{
			Matches:    []journal.Conjunction{{{Field: "A", Value: "1"}, {Field: "B", Value: "2"}}, {{Field: "C", Value: "3"}}},
			Priorities: 3, ExcludeIdentifiers: []string{"x"},
		}}},
		{"kubelet -u ssh*", journal.Query{Lines: -1, Filter: journal.Filter{Units: []string{"ssh*", "kubelet.service"}}}},
	}
	for _, tt := range tests {
		f := &journalFlags{}
		flags := pflag.NewFlagSet("journal", pflag.ContinueOnError)
		f.define(flags)
		args, _ := normalizeArgs(flags, strings.Fields(tt.args))
		if err := flags.Parse(args); err != nil {
			t.Fatal(err)
		}
		p, err := f.makePlan(flags, flags.Args(), time.Unix(1700000000, 0))
		if strings.HasPrefix(tt.args, "kubelet A=1") {
			if ExitCode(err) != ExitUsage {
				t.Errorf("%q = %v, want a usage error", tt.args, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", tt.args, err)
			continue
		}
		if tt.want.Filter.Grep == "" {
			// Case is of no matter without a pattern.
			p.query.Filter.IgnoreCase = false
		}
		if diff := cmp.Diff(tt.want, p.query); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.args, diff)
		}
	}
}

// TestFullLastWins wants that of --full and --no-full the last one counts.
func TestFullLastWins(t *testing.T) {
	t.Parallel()
	for args, noFull := range map[string]bool{"": false, "-l": false, "--no-full": true, "-l --no-full": true, "--no-full -l": false, "--no-full --no-full=false": false} {
		f := &journalFlags{}
		flags := pflag.NewFlagSet("journal", pflag.ContinueOnError)
		f.define(flags)
		if err := flags.Parse(strings.Fields(args)); err != nil || f.noFull != noFull {
			t.Errorf("%q: noFull = %v, %v, want %v", args, f.noFull, err, noFull)
		}
	}
}

func TestFormatBytes(t *testing.T) {
	t.Parallel()
	for n, want := range map[uint64]string{0: "0B", 1023: "1023B", 1024: "1.0K", 1535: "1.4K", 8 << 20: "8.0M", 3<<30 + 1<<29: "3.5G", 1<<64 - 1: "15.9E"} {
		if got := formatBytes(n); got != want {
			t.Errorf("formatBytes(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestNearNames(t *testing.T) {
	t.Parallel()
	known := []string{"containerd.service", "cron.service", "kubelet.service", "kubelet-helper.service", "ssh.service"}
	tests := []struct {
		unit string
		want []string
	}{
		{"kubelte.service", []string{"kubelet.service"}},
		{"kubelet", []string{"kubelet.service", "kubelet-helper.service"}},
		{"sshd.service", []string{"ssh.service"}},
		{"zzz.service", nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, nearNames(tt.unit, known)); diff != "" {
			t.Errorf("nearNames(%q) (-want +got):\n%s", tt.unit, diff)
		}
	}
}

func TestGapLine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		gap  journal.Gap
		want string
	}{
		{journal.Gap{Source: "/a", Count: 12, Exact: true, Reason: journal.GapVacuumed}, "-- Gap: 12 entries of /a not shown: vacuumed --"},
		{journal.Gap{Source: "/a", Count: 12, Reason: journal.GapVacuumed}, "-- Gap: up to 12 entries of /a not shown: vacuumed --"},
		{journal.Gap{Source: "/\x1b[2J", Reason: journal.GapCorrupt}, `-- Gap: entries of /\x1b[2J not shown: corrupt --`},
		{journal.Gap{Reason: journal.GapCursorLost}, "-- Gap: the cursor's entry is gone; reading goes on at the nearest --"},
		{journal.Gap{Reason: journal.GapCursorLost, Count: 3}, "-- Gap: the cursor's entry is gone, up to 3 entries not shown; reading goes on at the nearest --"},
		{journal.Gap{Count: 1, Exact: true}, "-- Gap: 1 entry not shown: unknown --"},
	}
	for _, tt := range tests {
		if got := gapLine(tt.gap); got != tt.want {
			t.Errorf("gapLine(%v) = %q, want %q", tt.gap, got, tt.want)
		}
	}
}

func TestProblemLine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		problem journal.FileProblem
		want    string
	}{
		{journal.FileProblem{Path: "/a", Reason: journal.GapDenied, Err: fs.ErrPermission}, "permission denied"},
		{journal.FileProblem{Path: "/a", Reason: journal.GapCorrupt, Err: errors.New("bad hash")}, "corrupt"},
		// From noded comes text.
		{journal.FileProblem{Path: "/a", Err: errors.New("open /a: permission denied")}, "permission denied"},
		{journal.FileProblem{Path: "/a", Err: errors.New(`journal file "/a": header: truncated`)}, "header: truncated"},
		{journal.FileProblem{Path: "/a", Err: errors.New("\x1b")}, `\x1b`},
		{journal.FileProblem{Path: "/a"}, "unknown"},
	}
	for _, tt := range tests {
		want := "-- Gap: entries of /a not shown: " + tt.want + " --"
		if got := problemLine(tt.problem); got != want {
			t.Errorf("problemLine(%v) = %q, want %q", tt.problem, got, want)
		}
	}
}

func TestCursorFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cursor")
	if got, err := readCursorFile(path); got != "" || err != nil {
		t.Errorf("readCursorFile() of none = %q, %v", got, err)
	}
	want := journal.Header{SeqnumID: journal.ID128{1}, Seqnum: 7}.Cursor()
	for range 2 {
		if err := writeCursorFile(path, want); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := readCursorFile(path); got != want || err != nil {
		t.Errorf("readCursorFile() = %q, %v, want %q", got, err, want)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".#*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
