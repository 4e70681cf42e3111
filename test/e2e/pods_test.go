// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/noded/noded/client"
	"github.com/noded/noded/test/containerd"
	"github.com/noded/noded/test/testnode"
)

// update rewrites the golden parts of the scripts.
var update = flag.Bool("update", false, "rewrite the golden files in testdata")

const podsDirectory = "/var/log/pods"

// TestPods runs the scripts of testdata/logs and then those of testdata/away against the packaged noded on a node with a real
// containerd, of each release. The commands of the scripts that play the kubelet are the methods of podScript; a container
// is named NAMESPACE/POD/CONTAINER, and what it does are the steps of package test/containerd/workload. Scripts of one directory run
// at once, each with namespaces and names of pods of its own; those of away take the runtime away from all.
func TestPods(t *testing.T) {
	t.Parallel()
	for _, release := range containerd.Releases {
		t.Run(release.String(), func(t *testing.T) {
			t.Parallel()
			cd := containerd.StartWith(t, containerd.Config{Release: release, PodsDirectory: podsDirectory})
			m := startMachine(t,
				testnode.Bind{Machine: cd.SocketDirectory(), Node: "/run/containerd"},
				testnode.Bind{Machine: cd.LogRoot(), Node: podsDirectory})
			m.waitActive()
			c, err := client.Dial(client.Config{Address: "unix://" + m.Path(socketFile)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			for _, dir := range []string{"logs", "away"} {
				t.Run(dir, func(t *testing.T) { runPodScripts(t, dir, m, cd, c) })
			}
			t.Run("hidden", func(t *testing.T) { testHiddenRuntime(m.with(t)) })
		})
	}
}

// testHiddenRuntime hides the socket of the runtime from noded as docs/security.md says. The scripts have left logs.
func testHiddenRuntime(m machine) {
	m.write("/etc/systemd/system/noded.service.d/runtimes.conf", "[Service]\nInaccessiblePaths=-/run/containerd -/run/crio -/run/docker.sock\n")
	m.run("systemctl", "daemon-reload")
	m.run("systemctl", "restart", "noded.service")
	m.waitActive()
	if out := m.run("nodectl", "logs", "-n", "away", "stays-0"); out != "second" {
		m.t.Errorf("logs without a runtime: %q", out)
	}
	if out := m.run("nodectl", "get", "pods", "-n", "away", "stays-0"); !strings.Contains(out, "LogsOnly") {
		m.t.Errorf("pods without a runtime:\n%s", out)
	}
	if out := m.run("nodectl", "status"); !strings.Contains(out, "there is no container runtime") {
		m.t.Errorf("status without a runtime:\n%s", out)
	}
}

// runPodScripts runs the scripts of a directory below testdata. In them, nodectl is that of the node.
func runPodScripts(t *testing.T, dir string, m machine, cd *containerd.Runtime, c *client.Client) {
	t.Helper()
	cmds := map[string]func(ts *testscript.TestScript, neg bool, args []string){}
	for name, command := range podCommands() {
		cmds[name] = func(ts *testscript.TestScript, neg bool, args []string) {
			if neg {
				ts.Fatalf("! %s makes no sense", name)
			}
			s, ok := ts.Value(podScriptKey{}).(*podScript)
			if !ok {
				ts.Fatalf("no podScript")
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			ts.Check(command(s, ctx, ts, args))
		}
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", dir),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                cmds,
		Setup: func(env *testscript.Env) error {
			bin := filepath.Join(env.WorkDir, ".bin")
			if err := os.Mkdir(bin, 0o755); err != nil {
				return err
			}
			// It ends with nsenter, which a script may end.
			enter := m.Command(t.Context(), "setpriv", "--pdeathsig", "TERM", "nodectl").Args
			script := "#!/bin/sh\nexec " + strings.Join(enter, " ") + ` "$@"` + "\n"
			if err := os.WriteFile(filepath.Join(bin, "nodectl"), []byte(script), 0o755); err != nil {
				return err
			}
			env.Setenv("PATH", bin+":/usr/sbin:/usr/bin:/sbin:/bin")
			env.Setenv("LANG", "C.UTF-8")
			env.Values[podScriptKey{}] = &podScript{
				cd: cd, client: c,
				pods: make(map[string]*containerd.RunningPod), containers: make(map[string]*containerd.RunningContainer),
				before: make(map[string]*containerd.RunningContainer),
			}
			return nil
		},
	})
}
