// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/client"
	"github.com/noded/noded/runtime/inventory"
)

// TestLogsNothing: why there are no lines, where all of them were asked for.
func TestLogsNothing(t *testing.T) {
	t.Parallel()
	failed := inventory.Container{
		Name: "failed", Type: inventory.TypeRegular, State: inventory.ContainerExited, Reason: "StartError", Message: "no such file: \x1b[2J",
		Finished: time.Unix(1700000000, 0),
	}
	silent := inventory.Container{Name: "silent", Type: inventory.TypeRegular, State: inventory.ContainerRunning}
	setup := inventory.Container{Name: "setup", Type: inventory.TypeInit, State: inventory.ContainerExited, Started: time.Unix(1700000000, 0)}
	n := &fakeNode{snapshot: inventory.Snapshot{Containers: []inventory.Container{{Name: "redis", ID: "abcdef0123456789"}}, Pods: []inventory.Pod{
		{Namespace: "shop", Name: "broken-0", Containers: []inventory.Container{setup, failed}},
		{Namespace: "shop", Name: "quiet-0", Containers: []inventory.Container{silent}},
		{Namespace: "shop", Name: "new-0"},
	}}}
	const (
		notStarted = "container failed of pod shop/broken-0 could not be started: StartError: no such file: \\x1b[2J\n"
		empty      = "the log of container silent of pod shop/quiet-0 is empty\n"
	)
	for _, tt := range []struct{ line, want string }{
		{"logs broken-0 failed", notStarted},
		{"logs broken-0", notStarted},
		{"logs broken-0 setup", "the log of container setup of pod shop/broken-0 is empty\n"},
		{"logs quiet-0", empty},
		{"logs new-0", "pod shop/new-0 has no container yet, or none that has a log\n"},
		{"logs quiet-0 --tail 5 -o json", empty},
		{"logs --all-pods --all-containers", notStarted},
		{"logs --all-pods -n nowhere", "No resources found in nowhere namespace on this node.\n"},
		{"logs redis", "the log of container redis is empty\n"},
		{"logs abcdef01", "the log of container redis is empty\n"},
		{"logs docker://abcdef01", "the log of container redis is empty\n"},
		{"logs quiet-0 -f", empty},
		{"logs quiet-0 -f --tail 0", ""},
		{"logs --all-pods -n nowhere -f --tail 0", "No resources found in nowhere namespace on this node; waiting for one.\n"},
		{"logs quiet-0 -q", ""},
		{"logs quiet-0 --tail 0", ""},
		{"logs quiet-0 --since 1h", ""},
		{"logs quiet-0 --level error", ""},
		{"logs quiet-0 --previous", ""},
	} {
		stdout, stderr, code := runFake(t, n, tt.line)
		if diff := cmp.Diff(tt.want, stderr); diff != "" || stdout != "" || code != ExitOK {
			t.Errorf("%s: stdout %q, exit code %d, stderr (-want +got):\n%s", tt.line, stdout, code, diff)
		}
	}
}

// TestNearContainer: a container in no pod is near, too.
func TestNearContainer(t *testing.T) {
	t.Parallel()
	n := &fakeNode{snapshot: inventory.Snapshot{Containers: []inventory.Container{{Name: "redis", ID: "abcdef0123456789"}}}}
	_, stderr, code := runFake(t, n, "logs rediss")
	if !strings.HasSuffix(stderr, "Try: nodectl logs redis\n") || code != ExitNotFound {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
}

// TestFilesHint: without the noded of this machine its files can be read.
func TestFilesHint(t *testing.T) {
	t.Parallel()
	away := &client.Error{Kind: client.ErrUnreachable, Err: errors.New("noded is not running"), Advice: "systemctl start noded"}
	denied := &client.Error{Kind: client.ErrDenied, Err: errors.New("no permission"), Advice: "usermod"}
	for _, tt := range []struct {
		name, os, address string
		err               error
		want              string
	}{
		{"away", "linux", "", away, "systemctl start noded; or --system, which reads the files with no daemon"},
		{"another noded", "linux", "unix:///run/other.sock", away, "systemctl start noded"},
		{"another system", "darwin", "", away, "systemctl start noded"},
		{"denied", "linux", "", denied, "usermod"},
	} {
		g := newGlobals(Streams{Getenv: func(string) string { return tt.address }})
		g.os = tt.os
		if got := hintOf(g.withFilesHint(tt.err, "--system")); got != tt.want {
			t.Errorf("%s: hint %q, want %q", tt.name, got, tt.want)
		}
	}
	if err := newGlobals(Streams{Getenv: func(string) string { return "" }}).withFilesHint(nil, "--system"); err != nil {
		t.Errorf("no error became %v", err)
	}
}
