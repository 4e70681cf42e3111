// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/inventory"
)

// The clock was set back between two sandboxes, as on a machine that has none of its own: what runs is the newest.
func TestClockWasSetBack(t *testing.T) {
	t.Parallel()
	noon := time.Unix(1_800_000_000, 0)
	early := noon.Add(-10 * 365 * 24 * time.Hour)
	s := newStore()
	for _, p := range []*sandbox{
		{id: "old", namespace: "prod", name: "web", uid: "1", state: inventory.StateNotReady, created: noon},
		{id: "new", namespace: "prod", name: "web", uid: "1", state: inventory.StateReady, created: early, attempt: 1},
	} {
		s.sandboxes[p.id] = p
	}
	for _, c := range []*container{
		{id: "c0", sandbox: "old", name: "app", state: inventory.ContainerExited, created: noon},
		{id: "c1", sandbox: "new", name: "app", state: inventory.ContainerRunning, created: early, attempt: 1},
	} {
		s.containers[c.id] = c
	}
	pods := s.pods(nameContainerd)
	if len(pods) != 1 || pods[0].SandboxID != "new" || pods[0].State != inventory.StateReady {
		t.Fatalf("pods %+v", pods)
	}
	if c := pods[0].Containers; len(c) != 1 || c[0].ID != "c1" || len(c[0].Previous) != 1 || c[0].Previous[0].ID != "c0" {
		t.Errorf("containers %+v", c)
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	s := newStore()
	check := func(want ...string) {
		t.Helper()
		if d := cmp.Diff(want, s.problems("cri-o")); d != "" {
			t.Errorf("problems (-want +got):\n%s", d)
		}
	}
	s.sandboxes["aa"] = &sandbox{id: "aa", namespace: "prod", name: "web"}
	check()
	for n, name := range []string{"app", "sidecar"} {
		id := fmt.Sprint(n)
		s.containers[id] = &container{id: id, sandbox: "aa", name: name, asking: asking{problem: "broken " + name}}
		// One whose sandbox is gone is shown nowhere.
		s.containers["x"+id] = &container{id: "x" + id, sandbox: "none", name: name, asking: asking{problem: "gone"}}
		if n == 0 {
			check("cri-o does not tell all about prod/web/app: broken app")
		}
	}
	check("cri-o does not tell all about prod/web/app and 1 more: broken app")
}

// A status is asked for again now and then: not every runtime tells of new limits.
func TestQuestions(t *testing.T) {
	t.Parallel()
	s := newStore()
	now := time.Now()
	later := now.Add(askEvery)
	s.containers["asked"] = &container{asking: asking{asked: true, again: later}}
	s.sandboxes["asked"] = &sandbox{asking: asking{asked: true, again: later}}
	s.containers["new"] = &container{}
	s.containers["failed"] = &container{asking: asking{notBefore: later}}
	e := &session{store: s}
	if n := len(e.questions(now)); n != 1 {
		t.Errorf("%d questions now, want 1", n)
	}
	if n := len(e.questions(later)); n != 4 {
		t.Errorf("%d questions later, want 4", n)
	}
}
