// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"strings"
	"testing"

	"github.com/noded/noded/runtime/stats"
)

func TestTransientUnits(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"ssh.service": false, "system.slice": false, "init.scope": false, "getty@tty1.service": false, "user@1000.service": false, "run-docker.mount": false,
		"openvpn@site-2-backup.service": false, "postgresql@15-main.service": false, "cups.socket": false,
		"session-7.scope": true, "session-c1.scope": true, "run-r2c6f.scope": true, "run-u123.service": true, "app-gnome-a-1234.scope": true,
		"systemd-coredump@3-4711-0.service": true, "sshd@5-10.0.0.1:22-10.0.0.2:53412.service": true,
	} {
		if got := isTransient(name); got != want {
			t.Errorf("isTransient(%q) = %v", name, got)
		}
	}
}

// TestUnits: units whose names never come again have no series, unless they are asked for.
func TestUnits(t *testing.T) {
	t.Parallel()
	s := fixture()
	s.Usages = append(s.Usages, unit("user.slice/user-0.slice/session-7.scope", full(1)))
	for _, test := range []struct {
		patterns     []string
		session, ssh bool
	}{{nil, false, true}, {[]string{"*"}, true, true}, {[]string{"x.service", "session-*.scope"}, true, false}} {
		m := newServer(t, func(c *Config) {
			source := fixtureSource()
			source.snapshot = func() *stats.Snapshot { return s }
			c.Source, c.Units = source, test.patterns
		})
		for _, path := range []string{PathOwn, PathCadvisor} {
			body, _ := get(t, m, path, "")
			if got := strings.Contains(body, "session-7.scope"); got != test.session {
				t.Errorf("%q, %s: session-7.scope is served: %v", test.patterns, path, got)
			}
			if got := strings.Contains(body, "ssh.service"); got != test.ssh {
				t.Errorf("%q, %s: ssh.service is served: %v", test.patterns, path, got)
			}
			if path == PathCadvisor && !strings.Contains(body, `pod="web-0"`) {
				t.Errorf("%q: pods are not served", test.patterns)
			}
		}
	}
}
