// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/test/testnode"
)

// TestRPMNode goes through the life of the rpm. The node is a Debian: rpm does not know what is installed there, hence
// --nodeps; TestRPMContents checks what it requires.
func TestRPMNode(t *testing.T) {
	t.Parallel()
	m := machine{testnode.Start(t), t}
	before := m.leftovers()
	rpm := func(mode, pattern string) {
		t.Helper()
		file := packageFile(t, pattern)
		inside := "/root/" + filepath.Base(file)
		if err := m.CopyIn(t.Context(), file, inside, 0o644); err != nil {
			t.Fatal(err)
		}
		m.run("rpm", mode, "--force-debian", "--nodeps", inside)
	}
	rpm("--install", "noded-*.rpm")
	testInstalledUnits(m)
	m.run("nodectl", "status")
	m.run("sed", "-i", "1i # edited by the administrator", configFile)

	f := m.follow("e2e-rpm", 3000)
	f.waitLines(500)
	pid := m.property("MainPID")
	rpm("--upgrade", "new/noded-*.rpm")
	m.waitActive()
	if got := m.property("MainPID"); got == pid {
		t.Error("the upgrade did not restart noded")
	}
	if got := m.run("head", "-n", "1", configFile); got != "# edited by the administrator" {
		t.Errorf("the upgrade replaced the edited configuration: %s", got)
	}
	testInstalledUnits(m)
	f.finish()
	f.verify()

	m.run("rpm", "--erase", "--nodeps", "noded")
	if out, code := m.try("systemctl", "is-active", "noded.service", "noded.socket"); code == 0 {
		t.Errorf("active after removal: %s", out)
	}
	// The edited configuration is kept beside, as rpm does.
	if got := m.run("head", "-n", "1", configFile+".rpmsave"); got != "# edited by the administrator" {
		t.Errorf("the edited configuration became: %s", got)
	}
	m.run("rm", "-r", "/etc/noded")
	m.run("groupdel", "noded") // as on the distributions of rpm, the group stays
	if diff := cmp.Diff(before, m.leftovers()); diff != "" {
		t.Errorf("after removal (-before +after):\n%s", diff)
	}
	if got := m.run("systemctl", "--failed", "--no-legend"); got != "" {
		t.Errorf("failed units: %s", got)
	}
}
