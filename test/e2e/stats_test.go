// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"strings"
)

// testStats asks for what the node and its units use, and looks whether history survives a restart.
func testStats(m machine) {
	var nodes []struct {
		CPU    *uint64 `json:"cpu_usage_nanocores"`
		Memory uint64  `json:"memory_working_set_bytes"`
	}
	if out := m.run("nodectl", "top", "node", "-o", "json"); json.Unmarshal([]byte(out), &nodes) != nil || len(nodes) != 1 ||
		nodes[0].CPU == nil || nodes[0].Memory == 0 {
		m.t.Errorf("top node:\n%s", out)
	}
	units := m.run("nodectl", "top", "unit")
	for _, unit := range []string{"system.slice", "noded.service", "systemd-journald.service"} {
		if !strings.Contains(units, unit) {
			m.t.Errorf("top unit has no %s:\n%s", unit, units)
		}
	}
	out := m.run("nodectl", "describe", "node")
	for _, want := range []string{"Conditions:", "MemoryPressure", "Filesystems:", "Kernel Version:"} {
		if !strings.Contains(out, want) {
			m.t.Errorf("describe node has no %s:\n%s", want, out)
		}
	}
	if out, _ := m.try("nodectl", "status"); !strings.Contains(out, "stats") || !strings.Contains(out, "cgroup v") {
		m.t.Errorf("status:\n%s", out)
	}
	// What was used before the restart is known after it.
	m.eventually(soon, "history begins", func() bool {
		out, code := m.try("nodectl", "top", "node", "--since", "10m", "--no-headers")
		return code == 0 && strings.TrimSpace(out) != ""
	})
	m.run("systemctl", "restart", "noded.service")
	m.waitActive()
	if out := m.run("ls", "/var/lib/noded"); !strings.Contains(out, "stats-history") {
		m.t.Errorf("the state directory has %q", out)
	}
	if out, code := m.try("nodectl", "top", "node", "--since", "10m", "--no-headers"); code != 0 || strings.TrimSpace(out) == "" {
		m.t.Errorf("history after a restart: exit code %d\n%s", code, out)
	}
}

// testMetrics switches metrics on as docs/metrics.md says, and off again.
func testMetrics(m machine) {
	const dropIn = "/etc/systemd/system/noded.service.d/metrics.conf"
	original := m.run("cat", configFile) + "\n"
	m.write(configFile, original+"\nmetrics:\n  listen: 127.0.0.1:9842\n")
	m.write(dropIn, `[Service]
PrivateNetwork=no
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SocketBindDeny=
SocketBindAllow=tcp:9842
IPAddressAllow=localhost
`)
	m.run("systemctl", "daemon-reload")
	m.run("systemctl", "restart", "noded.service")
	m.waitActive()
	get := `exec 3<>/dev/tcp/127.0.0.1/9842; printf "GET $0 HTTP/1.0\r\n\r\n" >&3; cat <&3`
	for path, want := range map[string]string{
		"/metrics/resource": "node_cpu_usage_seconds_total ", "/metrics/cadvisor": `id="/system.slice/noded.service"`, "/metrics": "noded_stats_looks_total ",
	} {
		m.eventually(soon, path+" has "+want, func() bool {
			out, _ := m.try("bash", "-c", get, path)
			return strings.Contains(out, "200 OK") && strings.Contains(out, want)
		})
	}
	m.write(configFile, original)
	m.run("rm", dropIn)
	m.run("systemctl", "daemon-reload")
	m.run("systemctl", "restart", "noded.service")
	m.waitActive()
}
