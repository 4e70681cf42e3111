// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// runFake runs nodectl logs or nodectl journal against a node.
func runFake(t *testing.T, n *fakeNode, line string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var out, errOut bytes.Buffer
	g := newGlobals(Streams{Out: &out, Err: &errOut, Getenv: func(string) string { return "" }})
	g.color = "never"
	words := strings.Fields(line)
	flags := pflag.NewFlagSet(words[0], pflag.ContinueOnError)
	var err error
	switch words[0] {
	case "logs":
		f := &logsFlags{}
		f.define(flags)
		if err := flags.Parse(words[1:]); err != nil {
			t.Fatal(err)
		}
		p, perr := f.makePlan(flags, flags.Args(), time.Unix(1700000000, 0))
		if perr != nil {
			t.Fatal(perr)
		}
		c := &logsCommand{globals: g, logsFlags: f, logsPlan: p, backend: n}
		c.show = c.newShow(flags.Changed("prefix"))
		err = c.advise(ctx, c.run(ctx), flags.Args())
	default:
		f := &journalFlags{}
		f.define(flags)
		args, _ := normalizeArgs(flags, words[1:])
		if err := flags.Parse(args); err != nil {
			t.Fatal(err)
		}
		p, perr := f.makePlan(flags, flags.Args(), time.Unix(1700000000, 0))
		if perr != nil {
			t.Fatal(perr)
		}
		c := &journalCommand{globals: g, journalFlags: f, plan: p, given: flags, backend: n, out: &out}
		err = c.run(ctx)
	}
	report(&errOut, err)
	return out.String(), errOut.String(), ExitCode(err)
}

// TestComponents: one name for the control plane, unit or container.
func TestComponents(t *testing.T) {
	t.Parallel()
	const apiserver = "W1114 22:13:20.000000       1 x.go:1] line of kube-apiserver"
	withUnit := func(n *fakeNode) {
		n.units = []string{"kube-apiserver.service", "kubelet.service"}
		n.invocations = []journal.Invocation{{ID: journal.ID128{1}, First: 100}, {ID: journal.ID128{2}, First: 200}}
		n.entries = []*journal.Record{{
			Header: journal.Header{Realtime: 1700000000e6}, Node: "node1",
			Fields: []journal.Field{{Name: "MESSAGE", Value: []byte("from the unit\nsecond line")}},
		}}
	}
	tests := []struct {
		name, line     string
		change         func(*fakeNode)
		stdout, stderr string
		code           int
	}{
		{name: "the container where there is no unit", line: "journal kube-apiserver --utc",
			stdout: "Nov 14 22:13:20 node1 kube-apiserver: ", stderr: "no unit kube-apiserver.service has logged; showing container kube-apiserver of pod kube-system/kube-apiserver-node1\n"},
		{name: "its text", line: "journal kube-apiserver -o cat -q", stdout: apiserver + "\n"},
		{name: "of a DaemonSet", line: "journal kube-proxy -o cat -q", stdout: "W1114 22:13:20.000000       1 x.go:1] line of kube-proxy\n"},
		{name: "following", line: "journal kube-apiserver -f -o cat", stdout: apiserver + "\n", stderr: "no unit kube-apiserver.service has logged; showing container"},
		{name: "fields", line: "journal kube-apiserver -o json -q", stdout: `"KUBERNETES_POD_NAME":"kube-apiserver-node1"`},
		{name: "a level", line: "journal kube-apiserver -o json -q", stdout: `"PRIORITY":"4"`},
		{name: "not a container of a workload", line: "journal web", stdout: "-- No entries --\n", stderr: "No journal files were found."},
		{name: "the unit where there is one", line: "journal kube-apiserver -o cat", change: withUnit, stdout: "from the unit\nsecond line\n"},
		{name: "a boot", line: "journal kube-apiserver -b -1", code: ExitUsage,
			stderr: "error: kube-apiserver.service never logged; container kube-apiserver of pod kube-system/kube-apiserver-node1 has that name, but --boot is about entries of the journal, which a container's log has not\n"},
		{name: "monotonic times", line: "journal kube-apiserver -o short-monotonic", code: ExitUsage, stderr: "-o short-monotonic cannot be used"},
		{name: "two places", line: "journal kube-apiserver", code: ExitUsage, change: func(n *fakeNode) {
			p := n.snapshot.Pods[0]
			p.Namespace = "other"
			n.snapshot.Pods = append(n.snapshot.Pods, p)
		}, stderr: `error: containers "kube-apiserver" is in several namespaces, choose one of: [kube-system other]`},

		{name: "logs: the container", line: "logs kube-apiserver", stdout: apiserver + "\n",
			stderr: "no pod kube-apiserver; showing container kube-apiserver of pod kube-system/kube-apiserver-node1\n"},
		{name: "logs: the unit", line: "logs kubelet -t", change: withUnit,
			stdout: "2023-11-14T22:13:20.000000000Z from the unit\n2023-11-14T22:13:20.000000000Z second line\n", stderr: "no pod kubelet; showing unit kubelet.service\n"},
		{name: "logs: the unit with a prefix", line: "logs kubelet --prefix -q", change: withUnit, stdout: "[unit/kubelet.service] from the unit\n[unit/kubelet.service] second line\n"},
		{name: "logs: no streams of a unit", line: "logs kubelet --stream stderr", change: withUnit, code: ExitUsage, stderr: "error: there is no pod kubelet, and unit kubelet.service has no streams"},
		{name: "logs: neither", line: "logs kubelte", change: withUnit, code: ExitNotFound, stderr: `error: pods "kubelte" not found`},
		{name: "logs: an id", line: "logs wwww", stdout: "W1114 22:13:20.000000       1 x.go:1] line of web\n"},
		{name: "logs: a container of Docker", line: "logs registry", change: func(n *fakeNode) {
			n.snapshot.Containers = []inventory.Container{{Name: "registry", ID: "abcdef0123456789"}}
			n.lines["registry"] = []*podlog.Record{{File: &podlog.File{Source: &podlog.Source{Container: "registry", ID: "abcdef0123456789"}}, Text: []byte("GET /v2/")}}
		}, stdout: "GET /v2/\n"},
		{name: "logs: what looks like an id", line: "logs 3f2a9c00", code: ExitNotFound, stderr: `error: containers "3f2a9c00" not found`},
		{name: "logs: the id of the run before", line: "logs 0123abcd", change: func(n *fakeNode) {
			n.snapshot.Pods[2].Containers[0].Previous = []inventory.Run{{Number: 4, ID: "eeee"}, {Number: 3, ID: "0123abcdef", Logged: true}}
		}, stdout: "W1114 22:13:20.000000       1 x.go:1] line of web\n"},
		{name: "logs: a namespace means pods", line: "logs kubelet -n kube-system", change: withUnit, code: ExitNotFound, stderr: `error: pods "kubelet" not found`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := controlPlane()
			if tt.change != nil {
				tt.change(n)
			}
			stdout, stderr, code := runFake(t, n, tt.line)
			if code != tt.code || !strings.Contains(stdout, tt.stdout) || !strings.Contains(stderr, tt.stderr) || tt.stderr == "" && stderr != "" {
				t.Errorf("%s: code %d, stdout %q, stderr %q", tt.line, code, stdout, stderr)
			}
		})
	}
}

// TestUnitRuns: runs of a unit are its invocations.
func TestUnitRuns(t *testing.T) {
	t.Parallel()
	usec := func(u journal.Usec) *journal.Usec { return &u }
	tests := []struct {
		line string
		want journal.Query
		code int
	}{
		{line: "logs kubelet --tail 5", want: journal.Query{Lines: 5, Filter: journal.Filter{Invocations: []journal.ID128{{2}}}}},
		{line: "logs kubelet -p", want: journal.Query{Lines: -1, Filter: journal.Filter{Invocations: []journal.ID128{{1}}}}},
		{line: "logs kubelet --all-restarts --since @5", want: journal.Query{Lines: -1, Since: usec(5e6)}},
		{line: "logs kubelet -g x --level error", want: journal.Query{Lines: -1, Filter: journal.Filter{
			Invocations: []journal.ID128{{2}}, Grep: "x", IgnoreCase: true, MaxLevel: journal.LevelError,
		}}, code: ExitFailure},
	}
	for _, tt := range tests {
		n := controlPlane()
		n.units = []string{"kubelet.service"}
		n.invocations = []journal.Invocation{{ID: journal.ID128{1}, First: 100}, {ID: journal.ID128{2}, First: 200}}
		if _, stderr, code := runFake(t, n, tt.line); code != tt.code || len(n.journalRequests) != 1 {
			t.Errorf("%s: code %d, stderr %q, %d requests", tt.line, code, stderr, len(n.journalRequests))
			continue
		}
		tt.want.Filter.Units, tt.want.Fields = []string{"kubelet.service"}, journal.Mask{"MESSAGE"}
		if diff := cmp.Diff(tt.want, n.journalRequests[0].Query); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.line, diff)
		}
	}
	n := controlPlane()
	n.units, n.invocations = []string{"kubelet.service"}, []journal.Invocation{{ID: journal.ID128{1}}}
	if _, stderr, code := runFake(t, n, "logs kubelet -p"); code != ExitNotFound || !strings.Contains(stderr, "error: unit kubelet.service: no previous run") {
		t.Errorf("no previous run: code %d, %s", code, stderr)
	}
}

// TestComponentQuery: what is asked of a container's log is what was asked of the journal.
func TestComponentQuery(t *testing.T) {
	t.Parallel()
	n := controlPlane()
	_, stderr, code := runFake(t, n, "journal kube-apiserver -p err -g line -n 3 --since @5 --until @6 -r -q")
	if code != ExitOK || len(n.logRequests) != 1 {
		t.Fatalf("code %d, %s", code, stderr)
	}
	since, until := int64(5e9), int64(6e9+999)
	want := podlog.Query{
		Since: &since, Until: &until, Reverse: true, Tail: 3, Limit: -1, Runs: podlog.RunsAll,
		Filter: podlog.Filter{Grep: "line", IgnoreCase: true, MaxLevel: journal.LevelError},
	}
	if diff := cmp.Diff(want, n.logRequests[0].Query); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	wantSelector := inventory.LogSelector{
		Pods: &inventory.PodSelector{Namespace: "kube-system", UIDs: []string{"uid-kube-apiserver-node1"}}, Containers: []string{"kube-apiserver"},
	}
	if diff := cmp.Diff(wantSelector, n.logRequests[0].Selector); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
