// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// at is n seconds after the sandbox of a test was created.
func at(n int) time.Time { return time.Unix(1_700_000_000+int64(n), 0) }

func ended(name string, created, finished int, code int32) Container {
	return Container{
		Name: name, State: ContainerExited, Created: at(created), Started: at(created), Finished: at(finished), ExitCode: &code,
	}
}

func running(name string, created int) Container {
	return Container{Name: name, State: ContainerRunning, Created: at(created), Started: at(created)}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	restarted := func(c Container, run uint32, first int) Container {
		c.Run = run
		c.Previous = []Run{{Number: run - 1, Started: at(first)}}
		return c
	}
	typed := func(c Container, kind ContainerType) Container {
		c.Type = kind
		return c
	}
	for _, test := range []struct {
		name       string
		containers []Container
		want       []string
	}{
		{"one that runs", []Container{running("a", 1)}, []string{"a regular"}},
		{"one that has ended, as of a job", []Container{ended("a", 1, 2, 0)}, []string{"a regular"}},
		{"two inits", []Container{running("z", 5), ended("b", 3, 4, 0), ended("a", 1, 2, 0)}, []string{"a init", "b init", "z regular"}},
		{"an init that failed", []Container{ended("a", 1, 2, 1), running("z", 5)}, []string{"a regular", "z regular"}},
		{"an init that succeeded in its second run", []Container{restarted(ended("a", 3, 4, 0), 1, 1), running("z", 5)}, []string{"a init", "z regular"}},
		{"all regular, one ended while the others began", []Container{ended("a", 1, 9, 0), running("b", 2), running("c", 3)}, []string{"a regular", "b regular", "c regular"}},
		{"an init and a container that was restarted", []Container{ended("a", 1, 2, 0), restarted(running("z", 50), 3, 3)}, []string{"a init", "z regular"}},
		{"a regular one that ended before another was restarted", []Container{ended("a", 1, 20, 0), restarted(running("z", 50), 1, 2)}, []string{"a regular", "z regular"}},
		{"kubectl debug", []Container{running("a", 1), running("debugger-x2x8k", 60)}, []string{"a regular", "debugger-x2x8k ephemeral"}},
		{"kubectl debug of a pod that has ended", []Container{ended("a", 1, 2, 0), running("debugger-x2x8k", 60)}, []string{"a regular", "debugger-x2x8k ephemeral"}},
		{"what was found stays", []Container{typed(ended("a", 1, 2, 0), TypeInit), typed(running("z", 0), TypeRegular)}, []string{"a init", "z regular"}},
		{
			"what was found was wrong", []Container{typed(restarted(running("a", 30), 1, 1), TypeInit), running("z", 5)},
			[]string{"a regular", "z regular"},
		},
		{
			"inits begin again", []Container{typed(restarted(running("a", 1), 1, -90), TypeInit), ended("z", -80, -40, 255)},
			[]string{"a init", "z regular"},
		},
		{"of an earlier sandbox", []Container{ended("z", -40, -30, 0), ended("a", 1, 2, 0)}, []string{"z regular", "a regular"}},
		{
			"after a restart of the node", []Container{restarted(ended("a", 1, 2, 0), 1, -90), restarted(running("z", 5), 1, -80)},
			[]string{"a init", "z regular"},
		},
		{
			"while a restarted node begins with the init containers", []Container{restarted(running("a", 1), 1, -90), ended("z", -80, -40, 255)},
			[]string{"a regular", "z regular"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			Classify(test.containers, at(0))
			var got []string
			for _, c := range test.containers {
				got = append(got, fmt.Sprintf("%s %s", c.Name, []string{"unknown", "regular", "init", "ephemeral"}[c.Type]))
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}
