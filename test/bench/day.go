// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// start is the first entry's time in microseconds, the beginning of a day.
const start = 1_764_547_200_000_000

// seed makes the same journal every time.
const seed = 7

// service is something that logs on the node of the fixture.
type service struct {
	unit, command string
	transport     string
	pid           int
	// pids is how many processes it has one after another; each writes a few entries.
	pids     int
	facility int
	// share is how many of 1,000 entries are its own.
	share   int
	message func(d *day, b []byte, pid int) []byte
	// process are the fields that all its entries have, as in the Journal Export Format.
	process []byte
}

// day makes up the journal of a Kubernetes node's day, in the Journal Export Format. It is the same for the same seed and number of entries.
type day struct {
	random   *rand.Rand
	services []*service
	// byShare has a service for each of 1,000 entries.
	byShare []*service
	// step is the time from one entry to the next in microseconds.
	step int64
	now  int64
	buf  []byte
}

func newDay(entries int) *day {
	d := &day{random: rand.New(rand.NewPCG(seed, seed)), step: 86_400_000_000 / int64(entries), services: services()}
	for _, s := range d.services {
		s.process = d.process(s)
		for range s.share {
			d.byShare = append(d.byShare, s)
		}
	}
	return d
}

// services are those of a control plane's node. The kubelet writes 40% of all.
func services() []*service {
	return []*service{
		{unit: "kubelet.service", command: "kubelet", transport: "stdout", pid: 1834, facility: 3, share: 400, message: (*day).klog},
		{unit: "containerd.service", command: "containerd", transport: "stdout", pid: 912, facility: 3, share: 200, message: (*day).logfmt},
		{unit: "etcd.service", command: "etcd", transport: "stdout", pid: 1207, facility: 3, share: 90, message: (*day).json},
		{unit: "kube-apiserver.service", command: "kube-apiserver", transport: "stdout", pid: 1311, facility: 3, share: 90, message: (*day).klog},
		{unit: "node-exporter.service", command: "node_exporter", transport: "stdout", pid: 1402, facility: 3, share: 30, message: (*day).logfmt},
		{unit: "ssh.service", command: "sshd", transport: "syslog", pid: 20000, pids: 5000, facility: 10, share: 50, message: (*day).sshd},
		{unit: "cron.service", command: "cron", transport: "syslog", pid: 30000, pids: 3000, facility: 9, share: 40, message: (*day).cron},
		{unit: "chrony.service", command: "chronyd", transport: "syslog", pid: 655, facility: 3, share: 10, message: (*day).fixed},
		{unit: "rsyslog.service", command: "rsyslogd", transport: "syslog", pid: 700, facility: 5, share: 10, message: (*day).fixed},
		{unit: "systemd-logind.service", command: "systemd-logind", transport: "journal", pid: 680, facility: 4, share: 30, message: (*day).session},
		{unit: "systemd-networkd.service", command: "systemd-networkd", transport: "journal", pid: 610, facility: 3, share: 20, message: (*day).fixed},
		{unit: "init.scope", command: "systemd", transport: "journal", pid: 1, facility: 3, share: 10, message: (*day).fixed},
		{command: "kernel", transport: "kernel", share: 20, message: (*day).kernel},
	}
}

// process returns the fields that entries of one service share, but for its process id.
func (d *day) process(s *service) []byte {
	b := fmt.Appendf(nil, "_TRANSPORT=%s\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=%s\n_MACHINE_ID=6d1e9c5a7b3f4d2e8a0c1b2d3e4f5061\n_HOSTNAME=node-1\n", s.transport, s.facility, s.command)
	if s.unit == "" {
		return b
	}
	b = fmt.Appendf(b, "_UID=0\n_GID=0\n_COMM=%[1]s\n_EXE=/usr/bin/%[1]s\n_CMDLINE=/usr/bin/%[1]s --config=/etc/%[1]s/config.yaml --v=2\n_CAP_EFFECTIVE=1ffffffffff\n", s.command)
	b = fmt.Appendf(b, "_SYSTEMD_CGROUP=/system.slice/%[1]s\n_SYSTEMD_UNIT=%[1]s\n_SYSTEMD_SLICE=system.slice\n_SYSTEMD_INVOCATION_ID=%016x%016x\n", s.unit, d.random.Uint64(), d.random.Uint64())
	switch s.transport {
	case "stdout":
		b = fmt.Appendf(b, "_STREAM_ID=%016x%016x\n", d.random.Uint64(), d.random.Uint64())
	case "journal":
		b = append(b, "CODE_FILE=src/core/job.c\nCODE_LINE=589\nCODE_FUNC=job_emit_start_message\n"...)
	}
	return b
}

// entry returns entry number i, counted from 0; it is valid until the next call.
func (d *day) entry(i int) []byte {
	d.now = start + int64(i)*d.step
	monotonic := int64(i)*d.step + 10_000_000
	s := d.byShare[d.random.IntN(len(d.byShare))]
	b := append(d.buf[:0], "__REALTIME_TIMESTAMP="...)
	b = strconv.AppendInt(b, d.now, 10)
	b = append(b, "\n__MONOTONIC_TIMESTAMP="...)
	b = strconv.AppendInt(b, monotonic, 10)
	b = append(b, "\n_BOOT_ID=2f1c7c5b0d4e4f6aa9d1b7e3c5a60001\n"...)
	b = append(b, s.process...)
	b = append(b, "PRIORITY="...)
	b = append(b, "6666666543"[d.random.IntN(10)], '\n')
	pid := s.pid
	if s.pids > 0 {
		pid += i / 300 % s.pids
	}
	switch s.transport {
	case "kernel":
		b = append(b, "_SOURCE_MONOTONIC_TIMESTAMP="...)
		b = strconv.AppendInt(b, monotonic-50, 10)
		b = append(b, '\n')
	case "syslog":
		b = append(b, "SYSLOG_TIMESTAMP="...)
		b = time.UnixMicro(d.now).UTC().AppendFormat(b, "Jan _2 15:04:05 ")
		b = append(b, "\nSYSLOG_PID="...)
		b = strconv.AppendInt(b, int64(pid), 10)
		b = append(b, '\n')
	}
	if s.transport == "syslog" || s.transport == "journal" {
		b = append(b, "_SOURCE_REALTIME_TIMESTAMP="...)
		b = strconv.AppendInt(b, d.now-20, 10)
		b = append(b, '\n')
	}
	if s.unit != "" {
		b = append(b, "_PID="...)
		b = strconv.AppendInt(b, int64(pid), 10)
		b = append(b, '\n')
	}
	b = append(b, "MESSAGE="...)
	b = s.message(d, b, pid)
	d.buf = append(b, '\n', '\n')
	return d.buf
}

// repeats reports whether a service says one of the few things that it says again and again.
func (d *day) repeats() bool { return d.random.IntN(100) < 15 }

func (d *day) pod() string {
	pods := [...]string{"kube-system/coredns-5d78c9869d-x2f4q", "kube-system/kube-proxy-7kx9v", "default/web-6f7c8d9b5-abcde", "shop/cart-0", "shop/db-0", "monitoring/prometheus-k8s-0"}
	return pods[d.random.IntN(len(pods))]
}

func (d *day) klog(b []byte, pid int) []byte {
	if d.repeats() {
		texts := [...]string{
			"Trace[1298498081]: [30.001s] [30.001s] END",
			"E: unable to fetch pod metrics: the server could not find the requested resource (get pods.metrics.k8s.io), will retry at the next interval",
			"W: Use of insecure cipher detected: the configuration allows TLS_RSA_WITH_AES_128_CBC_SHA, consider to remove it",
		}
		return append(b, texts[d.random.IntN(len(texts))]...)
	}
	b = append(b, "IIIIIIWE"[d.random.IntN(8)])
	b = time.UnixMicro(d.now).UTC().AppendFormat(b, "0102 15:04:05.000000")
	switch d.random.IntN(4) {
	case 0:
		return fmt.Appendf(b, " %7d pod_workers.go:%d] \"Error syncing pod, skipping\" err=\"failed to \\\"StartContainer\\\" for \\\"web\\\" with CrashLoopBackOff: back-off 5m0s\" pod=\"%s\" podUID=\"%016x\"",
			pid, 965+d.random.IntN(400), d.pod(), d.random.Uint64())
	case 1:
		return fmt.Appendf(b, " %7d reconciler_common.go:258] \"operationExecutor.VerifyControllerAttachedVolume started for volume \\\"kube-api-access-%05x\\\"\" pod=\"%s\"",
			pid, d.random.IntN(1<<20), d.pod())
	default:
		return fmt.Appendf(b, " %7d kubelet.go:%d] \"SyncLoop (PLEG): event for pod\" pod=\"%s\" event={\"ID\":\"%016x\",\"Type\":\"ContainerStarted\"}",
			pid, 2400+d.random.IntN(80), d.pod(), d.random.Uint64())
	}
}

func (d *day) logfmt(b []byte, _ int) []byte {
	if d.repeats() {
		return append(b, "level=warning msg=\"container event discarded\" type=CONTAINER_CREATED_EVENT namespace=k8s.io error=\"no such container\""...)
	}
	b = append(b, "time=\""...)
	b = time.UnixMicro(d.now).UTC().AppendFormat(b, "2006-01-02T15:04:05.000000000Z07:00")
	return fmt.Appendf(b, "\" level=info msg=\"StartContainer for \\\"%016x%016x%016x\\\" returns successfully\" pod=%s", d.random.Uint64(), d.random.Uint64(), d.random.Uint64(), d.pod())
}

func (d *day) json(b []byte, _ int) []byte {
	if d.repeats() {
		return append(b, `{"level":"warn","caller":"etcdserver/util.go:170","msg":"apply request took too long","expected-duration":"100ms","prefix":"read-only range"}`...)
	}
	b = append(b, `{"level":"info","ts":"`...)
	b = time.UnixMicro(d.now).UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z")
	return fmt.Appendf(b, `","caller":"mvcc/kvstore_compaction.go:66","msg":"finished scheduled compaction","compact-revision":%d,"took":"%d.%03dms","hash":%d}`,
		d.now/300_000_000, d.random.IntN(30), d.random.IntN(1000), d.random.Uint32())
}

func (d *day) sshd(b []byte, _ int) []byte {
	if d.random.IntN(2) == 0 {
		return fmt.Appendf(b, "Connection closed by 192.0.2.%d port %d [preauth]", d.random.IntN(4), 1024+d.random.IntN(4))
	}
	return fmt.Appendf(b, "Failed password for invalid user oracle from 198.51.100.%d port %d ssh2", d.random.IntN(255), 1024+d.random.IntN(60000))
}

func (d *day) cron(b []byte, _ int) []byte {
	if d.random.IntN(2) == 0 {
		return append(b, "pam_unix(cron:session): session closed for user root"...)
	}
	return append(b, "(root) CMD (   cd / && run-parts --report /etc/cron.hourly)"...)
}

func (d *day) session(b []byte, _ int) []byte {
	return fmt.Appendf(b, "Session %d logged out. Waiting for processes to exit.", d.random.IntN(1<<16))
}

func (d *day) fixed(b []byte, _ int) []byte {
	texts := [...]string{
		"Selected source 192.0.2.123 (2.debian.pool.ntp.org)", "eth0: DHCPv4 address 192.0.2.17/24, gateway 192.0.2.1 acquired from 192.0.2.1",
		"Finished Cleanup of Temporary Directories.", "[origin software=\"rsyslogd\" swVersion=\"8.2302.0\" x-pid=\"700\"] rsyslogd was HUPed",
	}
	return append(b, texts[d.random.IntN(len(texts))]...)
}

func (d *day) kernel(b []byte, _ int) []byte {
	return fmt.Appendf(b, "cni0: port %d(veth%08x) entered forwarding state", 1+d.random.IntN(110), d.random.Uint32())
}
