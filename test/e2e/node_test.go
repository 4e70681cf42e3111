// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/test/testnode"
)

const (
	configFile = "/etc/noded/noded.yaml"
	socketFile = "/run/noded/noded.sock"

	unitDirectory = "/lib/systemd/system/"
)

// TestNode goes through the life of the package on one node; the order of the subtests matters.
func TestNode(t *testing.T) {
	t.Parallel()
	m := machine{testnode.Start(t), t}
	m.run("mkdir", "-p", "/var/lib/docker/containers")
	before := m.leftovers()
	m.install(packageFile(t, "noded_*.deb"))
	for _, sub := range []struct {
		name string
		test func(machine)
	}{
		{"installed", testInstalled},
		{"access", testAccess},
		{"log tree", testLogTree},
		{"calls", testCalls},
		{"commands", testCommands},
		{"security", testSecurity},
		{"sandbox", testSandbox},
		{"stats", testStats},
		{"metrics", testMetrics},
		{"reload", testReload},
		{"drop-in", testDropIn},
		{"watchdog", testWatchdog},
		{"upgrade", testUpgrade},
		{"remove", func(m machine) { testRemove(m, before) }},
	} {
		if !t.Run(sub.name, func(t *testing.T) { sub.test(m.with(t)) }) && sub.name == "installed" {
			return
		}
	}
}

// testInstalledUnits checks what both package families leave behind after installation and upgrade.
func testInstalledUnits(m machine) {
	m.t.Helper()
	m.waitActive()
	for _, unit := range []string{"noded.service", "noded.socket"} {
		if got, _ := m.try("systemctl", "is-active", unit); got != "active\n" {
			m.t.Errorf("%s is %q", unit, got)
		}
		if got, _ := m.try("systemctl", "is-enabled", unit); got != "enabled\n" {
			m.t.Errorf("%s is %q", unit, got)
		}
	}
	got := m.run("stat", "--format=%n %a %U:%G %F", "/run/noded", socketFile, configFile, "/var/lib/noded")
	want := `/run/noded 750 root:noded directory
/run/noded/noded.sock 660 root:noded socket
/etc/noded/noded.yaml 644 root:root regular file
/var/lib/noded 750 root:root directory`
	if diff := cmp.Diff(want, got); diff != "" {
		m.t.Errorf("modes (-want +got):\n%s", diff)
	}
}

func testInstalled(m machine) {
	testInstalledUnits(m)
	m.run("noded", "config", "check")
	if v := m.run("dpkg-query", "--show", "--showformat=${Version}", "noded"); !strings.HasSuffix(v, "-1") {
		m.t.Errorf("version %q", v)
	}
	if got := m.run("systemctl", "--failed", "--no-legend"); got != "" {
		m.t.Errorf("failed units: %s", got)
	}
}

func testAccess(m machine) {
	m.run("useradd", "--groups", "noded", "alice")
	m.run("useradd", "mallory")
	m.run("systemd-cat", "--identifier=e2e-access", "echo", "hello reader")
	read := []string{"nodectl", "journal", "-t", "e2e-access", "-o", "cat"}
	for _, who := range []struct {
		name   string
		prefix []string
	}{
		{"root", nil},
		{"member of noded", []string{"runuser", "-u", "alice", "--"}},
		{"member by supplementary group only", []string{"setpriv", "--reuid=mallory", "--regid=mallory", "--groups=noded"}},
	} {
		m.eventually(soon, who.name+" reads", func() bool {
			out, code := m.try(append(who.prefix, read...)...)
			return code == 0 && out == "hello reader\n"
		})
	}
	for _, who := range [][]string{
		{"setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"},
		{"runuser", "-u", "mallory", "--"},
	} {
		out, code := m.try(append(who, read...)...)
		if code != 5 || !strings.Contains(out, "group noded") || !strings.Contains(out, "usermod") {
			m.t.Errorf("%s nodectl: exit code %d, want 5 and advice about group noded:\n%s", who, code, out)
		}
	}
	// Whoever gets past the modes of the files is still refused by the daemon.
	m.run("chmod", "0755", "/run/noded")
	m.run("chmod", "0666", socketFile)
	out, code := m.try(append([]string{"runuser", "-u", "mallory", "--"}, read...)...)
	if code != 5 || !strings.Contains(out, "noded") || strings.Contains(out, "hello reader") {
		m.t.Errorf("mallory on an open socket: exit code %d, want 5:\n%s", code, out)
	}
	m.run("chmod", "0660", socketFile)
	m.run("chmod", "0750", "/run/noded")
}

// testLogTree: a node on which no kubelet has run says so and serves its journal; what turns up in the log tree is served without a
// container runtime.
func testLogTree(m machine) {
	for _, command := range []string{"nodectl status", "nodectl get pods", "nodectl journal -n 1"} {
		if out, code := m.try(strings.Fields(command)...); code != 0 || out == "" {
			m.t.Errorf("%s without a log tree: exit code %d\n%s", command, code, out)
		}
	}
	if out := m.run("nodectl", "status"); !strings.Contains(out, podsDirectory+" does not exist") {
		m.t.Errorf("status does not tell that there is no log tree:\n%s", out)
	}
	if out, code := m.try("nodectl", "logs", "web-0"); code != 4 {
		m.t.Errorf("nodectl logs without a log tree: exit code %d, want 4\n%s", code, out)
	}
	const container = podsDirectory + "/shop_web-0_0b5f1e6a-7c1d-4a3e-9f55-3f2c1f6f1a11/server"
	m.write(container+"/0.log", "2026-11-23T20:34:05.769816978Z stdout F zero\n")
	m.write(container+"/1.log", "2026-11-23T20:35:05.769816978Z stdout P on\n2026-11-23T20:35:05.769817Z stdout F e\n")
	m.write("/root/canary", "2026-11-23T20:34:05.769816978Z stdout F canary\n")
	m.run("ln", "-s", "/root/canary", container+"/2.log")
	m.run("ln", "-s", "/root/canary", container+"/1.log.20261123-203400")
	m.run("chmod", "0640", container+"/0.log", container+"/1.log")
	m.eventually(soon, "the log is served", func() bool {
		out, code := m.try("nodectl", "logs", "web-0")
		return code == 0 && strings.HasSuffix(out, "one\n")
	})
	for command, want := range map[string]string{
		"nodectl logs web-0 --previous -q":                       "zero\n",
		"nodectl logs -n shop web-0 --all-restarts -c server -q": "zero\none\n",
		"nodectl logs sts/web -q":                                "one\n",
		"nodectl get pods -o name":                               "pod/web-0\n",
	} {
		cmd := m.Command(m.t.Context(), "nodectl", strings.Fields(command)[1:]...)
		if out, err := cmd.Output(); err != nil || string(out) != want {
			m.t.Errorf("%s: %v, %q, want %q", command, err, out, want)
		}
	}
	if out, _ := m.try("nodectl", "logs", "web-0", "--all-restarts", "--all-containers", "-o", "json"); strings.Contains(out, "canary") {
		m.t.Errorf("a link out of the log tree is followed:\n%s", out)
	}
	if out := m.run("nodectl", "status"); strings.Contains(out, podsDirectory+" does not exist") {
		m.t.Errorf("status does not tell that there is a log tree:\n%s", out)
	}
}

func testCommands(m machine) {
	for _, command := range []string{
		"nodectl status", "nodectl status -o json", "nodectl get units", "nodectl get boots",
		"nodectl journal -n 5", "nodectl journal -n 5 -o json", "nodectl journal -n 5 -o verbose", "nodectl journal -b -p err",
		"nodectl journal -N", "nodectl journal -F _TRANSPORT", "nodectl journal --list-boots", "nodectl journal --disk-usage",
		"nodectl journal -u noded -x -n 3", "nodectl journal -g systemd -n 3", "nodectl journal -r -n 3", "nodectl version",
	} {
		out, code := m.try(strings.Fields(command)...)
		if code != 0 || out == "" && !strings.Contains(command, "-p err") {
			m.t.Errorf("%s: exit code %d\n%s", command, code, out)
		}
	}
	// What the daemon serves is what journalctl prints.
	until := m.run("date", "+@%s")
	m.run("journalctl", "--sync")
	for _, command := range []string{"journal -o short-unix", "journal -o export", "journal -u systemd-journald -o short-full", "journal -k -o cat"} {
		words := append(strings.Fields(command), "--no-pager", "-q", "--until="+until)
		want := m.run(append([]string{"journalctl"}, words[1:]...)...)
		got := m.run(append([]string{"nodectl"}, words...)...)
		if diff := cmp.Diff(want, got); diff != "" {
			m.t.Errorf("nodectl %s differs from journalctl (-want +got):\n%.4000s", words, diff)
		}
	}
}

func testSecurity(m machine) {
	out, code := m.try("systemd-analyze", "security", "--offline=yes", "--threshold=11", "--no-pager", unitDirectory+"noded.service")
	if code != 0 {
		m.t.Errorf("systemd-analyze security: over 1.1\n%s", out)
	}
	m.t.Log(lastLine(out))
	out, code = m.try("systemd-analyze", "verify", unitDirectory+"noded.service", unitDirectory+"noded.socket")
	if code != 0 || out != "" {
		m.t.Errorf("systemd-analyze verify: exit code %d\n%s", code, out)
	}
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

func testSandbox(m machine) {
	pid := m.property("MainPID")
	status := m.run("cat", "/proc/"+pid+"/status")
	for _, want := range []string{`CapEff:\t0{16}`, `CapPrm:\t0{16}`, `CapBnd:\t0{16}`, `NoNewPrivs:\t1`, `Seccomp:\t2`} {
		if !regexp.MustCompile(want).MatchString(status) {
			m.t.Errorf("/proc/PID/status has no %s:\n%s", want, status)
		}
	}
	// Its network namespace has no socket that a network could reach.
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6", "udplite", "raw", "raw6", "packet"} {
		out, code := m.try("tail", "-n", "+2", "/proc/"+pid+"/net/"+table)
		if code == 0 && out != "" {
			m.t.Errorf("%s sockets:\n%s", table, out)
		}
	}
	if own := m.run("readlink", "/proc/1/ns/net"); own == m.run("readlink", "/proc/"+pid+"/ns/net") {
		m.t.Error("noded is in the network namespace of the node")
	}
	// In its mount namespace nothing but noded can be executed, whatever asks for it.
	for _, program := range []string{"/bin/sh", "/bin/true", "/usr/bin/nodectl", "/usr/lib/systemd/systemd"} {
		out, code := m.try("nsenter", "-t", pid, "-m", program)
		if code == 0 || !strings.Contains(out, "Permission denied") {
			m.t.Errorf("%s in noded's sandbox: exit code %d, want Permission denied\n%s", program, code, out)
		}
	}
	children := m.run("sh", "-c", "cat /proc/"+pid+"/task/*/children")
	if strings.TrimSpace(children) != "" {
		m.t.Errorf("noded has children: %s", children)
	}
	m.sandboxFiles(pid)
}

// sandboxFiles looks at the files of the node as noded sees them.
func (m machine) sandboxFiles(pid string) {
	m.t.Helper()
	host, err := strconv.Atoi(pid)
	if err != nil {
		m.t.Fatal(err)
	}
	root := fmt.Sprintf("/proc/%d/root", m.HostPID(host))
	// Also of what was made or replaced after noded started.
	m.write("/etc/late/secret", "canary")
	m.write("/var/lib/late/secret", "canary")
	for dir, want := range map[string][]string{
		"/etc":     {"group", "ld.so.cache", "localtime", "machine-id", "noded", "nsswitch.conf", "passwd"},
		"/var/lib": {"docker", "noded", "systemd"},
		"/root":    nil,
		"/home":    nil,

		"/var/lib/docker": {"containers"},
	} {
		entries, err := os.ReadDir(root + dir)
		if err != nil {
			m.t.Errorf("look into the sandbox: %v", err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, e.Name())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			m.t.Errorf("%s in the sandbox (-want +got):\n%s", dir, diff)
		}
	}
	for _, file := range []string{"/etc/canary", configFile, "/var/log/journal/canary", podsDirectory + "/canary", "/usr/bin/canary", "/canary"} {
		if err := os.WriteFile(root+file, nil, 0o600); err == nil {
			m.t.Errorf("%s can be written in the sandbox", file)
		}
	}
	if err := os.WriteFile(root+"/var/lib/noded/canary", nil, 0o600); err != nil {
		m.t.Errorf("the state directory cannot be written: %v", err)
	}
	m.run("rm", "/var/lib/noded/canary")
}

func testReload(m machine) {
	pid := m.property("MainPID")
	edited := m.run("cat", configFile) + "\nlog:\n  level: debug\n"
	original := m.run("cat", configFile) + "\n"
	m.write(configFile, edited)
	m.run("systemctl", "reload", "noded.service")
	m.waitActive()
	if got := m.property("MainPID"); got != pid {
		m.t.Errorf("reload: process %s became %s", pid, got)
	}
	m.eventually(soon, "reload leaves a line in the log", func() bool {
		return strings.Contains(m.run("nodectl", "journal", "-u", "noded", "-o", "cat"), "reload")
	})

	m.write(configFile, edited+"limts:\n  max_streams: 5\n")
	out, code := m.try("noded", "config", "check")
	if code != 2 || !strings.Contains(out, "limts") {
		m.t.Errorf("config check of an unknown key: exit code %d, want 2 and the key:\n%s", code, out)
	}
	if out, code := m.try("systemctl", "reload", "noded.service"); code == 0 {
		m.t.Errorf("reload with a wrong configuration succeeds:\n%s", out)
	}
	m.waitActive()
	if got := m.property("MainPID"); got != pid {
		m.t.Errorf("reload with a wrong configuration: process %s became %s", pid, got)
	}
	m.run("nodectl", "status")

	m.run("systemctl", "stop", "noded.socket", "noded.service")
	if out, code := m.try("systemctl", "start", "noded.service"); code == 0 {
		m.t.Errorf("noded starts with a wrong configuration:\n%s", out)
	}
	if got := m.property("ExecMainStatus"); got != "2" {
		m.t.Errorf("a wrong configuration: exit code %s, want 2", got)
	}
	m.eventually(soon, "the journal names the key", func() bool {
		return strings.Contains(m.run("journalctl", "-u", "noded", "-o", "cat", "-n", "30", "--no-pager"), "limts")
	})
	m.write(configFile, original)
	m.run("systemctl", "reset-failed", "noded.service", "noded.socket")
	m.run("systemctl", "start", "noded.socket", "noded.service")
	m.waitActive()
}

// testDropIn serves journal files from a home directory as noded(8) says.
func testDropIn(m machine) {
	const dropIn = "/etc/systemd/system/noded.service.d/journal.conf"
	original := m.run("cat", configFile) + "\n"
	m.write(dropIn, "[Service]\nBindReadOnlyPaths=/home/alice/journal\n")
	m.write(configFile, "journal:\n  directory: /home/alice/journal\n")
	m.run("sh", "-c", "mkdir -p /home/alice/journal && journalctl --rotate && cp /var/log/journal/*/system@*.journal /home/alice/journal/")
	m.run("systemctl", "daemon-reload")
	m.run("systemctl", "restart", "noded.service")
	want := m.run("journalctl", "-D", "/home/alice/journal", "-n", "5", "-o", "export", "--no-pager")
	got := m.run("nodectl", "journal", "-n", "5", "-o", "export", "--no-pager")
	if diff := cmp.Diff(want, got); diff != "" {
		m.t.Errorf("a journal in a home directory (-want +got):\n%.2000s", diff)
	}
	m.run("rm", "-r", "/home/alice", "/etc/systemd/system/noded.service.d")
	m.write(configFile, original)
	m.run("systemctl", "daemon-reload")
	m.run("systemctl", "restart", "noded.service")
	m.waitActive()
}

func testWatchdog(m machine) {
	const dropIn = "/etc/systemd/system/noded.service.d/watchdog.conf"
	m.write(dropIn, "[Service]\nWatchdogSec=8\nTimeoutAbortSec=1\n")
	m.run("systemctl", "daemon-reload")
	m.run("systemctl", "restart", "noded.service")
	m.waitActive()
	pid := m.property("MainPID")
	time.Sleep(10 * time.Second) // longer than WatchdogSec: it must not fire by itself
	if got := m.property("MainPID"); got != pid {
		m.t.Fatalf("the watchdog ended a noded that was well: process %s became %s", pid, got)
	}
	m.run("kill", "-STOP", pid)
	m.eventually(soon, "the watchdog starts a new noded", func() bool {
		now := m.property("MainPID")
		return now != pid && now != "0"
	})
	m.waitActive()
	m.run("nodectl", "status")
	m.eventually(soon, "the journal tells of the watchdog", func() bool {
		return strings.Contains(m.run("journalctl", "-u", "noded", "-o", "cat", "--no-pager"), "Watchdog timeout")
	})
	m.run("rm", dropIn)
	m.run("rmdir", "/etc/systemd/system/noded.service.d")
	m.run("systemctl", "daemon-reload")
	m.run("systemctl", "restart", "noded.service")
	m.waitActive()
}

func testUpgrade(m machine) {
	m.run("sed", "-i", "1i # edited by the administrator", configFile)
	f := m.follow("e2e-upgrade", 3000)
	f.waitLines(500)
	pid := m.property("MainPID")
	m.install(packageFile(m.t, "new/noded_*.deb"))
	m.waitActive()
	if got := m.property("MainPID"); got == pid {
		m.t.Error("the upgrade did not restart noded")
	}
	if got := m.run("nodectl", "version"); !strings.Contains(got, "99.0.0") {
		m.t.Errorf("nodectl version after the upgrade: %s", got)
	}
	if got := m.run("head", "-n", "1", configFile); got != "# edited by the administrator" {
		m.t.Errorf("the upgrade replaced the edited configuration: %s", got)
	}
	if out, code := m.try("sh", "-c", "ls /etc/noded/*.dpkg-* /run/noded/*.dpkg-*"); code == 0 {
		m.t.Errorf("left over by the upgrade: %s", out)
	}
	f.finish()
	f.verify()
}

// leftovers lists the files whose names say that they are noded's, and its group.
func (m machine) leftovers() string {
	m.t.Helper()
	return m.run("sh", "-c", "find /etc /run /usr /lib/ /var -xdev -name '*noded*' -not -path '/var/log/*' -not -path '/var/cache/*' -not -path '/usr/local/*' | sort; getent group noded || true")
}

func testRemove(m machine, before string) {
	m.run("gpasswd", "--delete", "alice", "noded")
	m.run("dpkg", "--remove", "noded")
	if out, code := m.try("systemctl", "is-active", "noded.service", "noded.socket"); code == 0 {
		m.t.Errorf("active after removal: %s", out)
	}
	if out, code := m.try("pgrep", "-x", "noded"); code == 0 {
		m.t.Errorf("processes after removal: %s", out)
	}
	if out, code := m.try("ls", "/run/noded"); code == 0 {
		m.t.Errorf("after removal: /run/noded has %q", out)
	}
	if got := m.run("head", "-n", "1", configFile); got != "# edited by the administrator" {
		m.t.Errorf("removal without purge changed the configuration: %s", got)
	}
	m.run("dpkg", "--purge", "noded")
	if diff := cmp.Diff(before, m.leftovers()); diff != "" {
		m.t.Errorf("after purge (-before +after):\n%s", diff)
	}
	if got, _ := m.try("systemctl", "list-unit-files", "--no-legend", "noded*"); got != "" {
		m.t.Errorf("unit files after purge: %s", got)
	}
	if got := m.run("systemctl", "--failed", "--no-legend"); got != "" {
		m.t.Errorf("failed units: %s", got)
	}
}

// The tools that the tests above use exist; a missing one would look like a refusal.
func TestTools(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"setpriv", "runuser", "nsenter", "useradd", "gpasswd", "pgrep"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Errorf("%v: run make deps", err)
		}
	}
}
