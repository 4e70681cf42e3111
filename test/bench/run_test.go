// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/noded/noded/journal/journaltest"
)

// TestRun runs the comparisons on little, so that the benchmarks do not rot; on the way they compare what all contenders print.
func TestRun(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(remotePaths[0]); err != nil {
		if _, err := os.Stat(remotePaths[1]); err != nil {
			journaltest.Require(t, journaltest.ErrNoWriter)
		}
	}
	bin := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin+"/", "../../cmd/noded", "../../cmd/nodectl").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data := t.TempDir()
	for _, test := range []struct {
		name string
		args []string
		rows int
	}{
		{"day", []string{"-entries", "2000"}, len(works())},
		{"one work", []string{"-entries", "2000", "-only", "hour", "-against", "libsystemd"}, 1},
		{"many files", []string{"-many", "-files", "5"}, len(manyWorks())},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out, progress strings.Builder
			args := append([]string{"-bin", bin, "-data", data, "-runs", "1"}, test.args...)
			if err := run(t.Context(), args, &out, &progress); err != nil {
				t.Fatalf("%v\n%s%s", err, out.String(), progress.String())
			}
			if got := strings.Count(out.String(), "\n| ") - 1; got != test.rows {
				t.Errorf("%d rows, want %d:\n%s", got, test.rows, out.String())
			}
		})
	}
}

// TestRunLogs runs the comparisons of logs on little.
func TestRunLogs(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin+"/", "../../cmd/noded", "../../cmd/nodectl").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var out, progress strings.Builder
	if err := run(t.Context(), []string{"-logs", "-bin", bin, "-data", t.TempDir(), "-runs", "1", "-lines", "20000", "-span", "1s"}, &out, &progress); err != nil {
		t.Fatalf("%v\n%s%s", err, out.String(), progress.String())
	}
	for _, w := range logWorks() {
		if got := strings.Count(out.String(), "\n| "+w.name+" |"); got != 2 {
			t.Errorf("%d rows of %q, want one for each table:\n%s", got, w.name, out.String())
		}
	}
	for _, text := range []string{"| noded + nodectl | 0 | 0 | 0 |", "Following 110 pods", "goroutines"} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("%q is missing:\n%s", text, out.String())
		}
	}
}

func TestWrongFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-runs", "0"}, {"-entries", "5"}, {"-many", "-follow"}, {"-logs", "-many"}, {"-logs", "-lines", "5"}, {"extra"}, {"-rate", "0"}, {"-unknown"}} {
		var out strings.Builder
		if err := run(t.Context(), args, &out, &out); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}
