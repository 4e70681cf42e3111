// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Libraries register flags on the global set of package flag, cAdvisor's most of all. Nothing that noded links does, and whatever is
// there is none of noded's.
func TestFlagsOfLibraries(t *testing.T) {
	t.Parallel()
	noded := func(args ...string) (string, error) {
		command := exec.CommandContext(t.Context(), os.Args[0], args...)
		command.Env = append(os.Environ(), mainVariable+"=1")
		out, err := command.CombinedOutput()
		return string(out), err
	}
	help, err := noded("--help")
	if err != nil || !strings.Contains(help, "--config") {
		t.Fatalf("help: %v\n%s", err, help)
	}
	flag.VisitAll(func(f *flag.Flag) {
		if strings.HasPrefix(f.Name, "test.") {
			return
		}
		t.Errorf("a library registers the flag %s: %s", f.Name, f.Usage)
		if strings.Contains(help, "--"+f.Name) {
			t.Errorf("the flag %s is one of noded's", f.Name)
		}
	})
	for _, name := range []string{"machine_id_file", "housekeeping_interval", "v", "logtostderr", "test.v"} {
		out, err := noded("--" + name + "=1")
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 2 {
			t.Errorf("noded --%s: %v, want exit status 2\n%s", name, err, out)
		}
	}
}
