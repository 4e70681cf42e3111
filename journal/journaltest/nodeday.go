// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"

	"github.com/noded/noded/journal"
)

// nodeDay makes up the journal of a Kubernetes node's day. It is the same for the same seed.
type nodeDay struct {
	random  *rand.Rand
	now     journal.Usec
	began   journal.Usec
	boot    journal.ID128
	system  []Entry
	user    []Entry
	seqnum  uint64
	runs    map[string]journal.ID128 // invocation of each unit
	counter int
}

const nodeDayEntries = 5000

func buildNodeDay(dir string) error {
	d := &nodeDay{random: rand.New(rand.NewPCG(2023, 1114)), runs: map[string]journal.ID128{}}
	d.startBoot(epoch, id(0x51))
	for len(d.system)+len(d.user) < nodeDayEntries*2/5 {
		d.step()
	}
	d.startBoot(d.now+10*minute, id(0x52))
	for len(d.system)+len(d.user) < nodeDayEntries {
		d.step()
	}
	n := len(d.system)
	o := Options{SeqnumID: seqnumID(11)}
	dir = filepath.Join(dir, machine().String())
	if err := write(filepath.Join(dir, "user-1000.journal"), o, d.user); err != nil {
		return err
	}
	return writeRotated(dir, o, [][]Entry{d.system[:n/3], d.system[n/3 : n*2/3], d.system[n*2/3:]})
}

// step lets a moment pass in which somebody logs something.
func (d *nodeDay) step() {
	d.now += journal.Usec(d.random.Int64N(int64(30 * second)))
	switch p := d.random.IntN(100); {
	case p < 34:
		d.kubelet()
	case p < 58:
		d.containerd()
	case p < 68:
		d.kernel()
	case p < 78:
		d.sshd()
	case p < 86:
		d.cron()
	case p < 91:
		d.manager()
	case p < 95:
		d.userSession()
	case p < 97:
		d.application()
	case p < 98:
		d.audit()
	default:
		d.rare()
	}
}

// add writes an entry to the system journal, or to that of user 1000.
func (d *nodeDay) add(user bool, fields ...journal.Field) {
	d.seqnum++
	d.now += 37 + journal.Usec(d.random.IntN(900))
	e := Entry{
		Realtime: d.now, Monotonic: 2*second + d.now - d.began, BootID: d.boot, Seqnum: d.seqnum,
		Fields: append([]journal.Field{
			F("_MACHINE_ID", machine().String()),
			F("_HOSTNAME", "node-1"),
			F("_RUNTIME_SCOPE", "system"),
		}, fields...),
	}
	if user {
		d.user = append(d.user, e)
	} else {
		d.system = append(d.system, e)
	}
}

// process are the trusted fields of a process of a system unit.
func (d *nodeDay) process(unit, command string, pid, uid int) []journal.Field {
	run, ok := d.runs[unit]
	if !ok {
		run = d.newRun(unit)
	}
	return []journal.Field{
		F("_PID", fmt.Sprint(pid)), F("_UID", fmt.Sprint(uid)), F("_GID", fmt.Sprint(uid)),
		F("_COMM", command), F("_EXE", "/usr/bin/"+command), F("_CMDLINE", "/usr/bin/"+command+" --config /etc/"+command+".conf"),
		F("_CAP_EFFECTIVE", "1ffffffffff"), F("_SELINUX_CONTEXT", "unconfined\n"),
		F("_SYSTEMD_CGROUP", "/system.slice/"+unit), F("_SYSTEMD_UNIT", unit), F("_SYSTEMD_SLICE", "system.slice"),
		F("_SYSTEMD_INVOCATION_ID", run.String()),
	}
}

// newRun gives a unit a new invocation.
func (d *nodeDay) newRun(unit string) journal.ID128 {
	var run journal.ID128
	for i := range run {
		run[i] = byte(d.random.Uint32())
	}
	d.runs[unit] = run
	return run
}

// stream are the fields of a line that a unit wrote to its standard output or error.
func (d *nodeDay) stream(identifier, message string) []journal.Field {
	return []journal.Field{
		F("_TRANSPORT", "stdout"), F("_STREAM_ID", d.runs[identifier+".service"].String()),
		F("SYSLOG_FACILITY", "3"), F("SYSLOG_IDENTIFIER", identifier), F("PRIORITY", "6"), F("MESSAGE", message),
	}
}

// syslog are the fields of a message that came by /dev/log.
func (d *nodeDay) syslog(identifier string, pid, facility, priority int, message string) []journal.Field {
	stamp := d.now.Time().UTC().Format("Jan _2 15:04:05 ")
	return []journal.Field{
		F("_TRANSPORT", "syslog"), F("PRIORITY", fmt.Sprint(priority)), F("SYSLOG_FACILITY", fmt.Sprint(facility)),
		F("SYSLOG_IDENTIFIER", identifier), F("SYSLOG_PID", fmt.Sprint(pid)), F("SYSLOG_TIMESTAMP", stamp),
		F("MESSAGE", message), F("_SOURCE_REALTIME_TIMESTAMP", fmt.Sprint(d.now-20)),
	}
}

func (d *nodeDay) pod() string {
	names := []string{"kube-system/coredns-5d78c9869d-x2f4q", "kube-system/kube-proxy-7kx9v", "default/web-6f7c8d9b5-abcde", "shop/cart-0", "shop/db-0"}
	return names[d.random.IntN(len(names))]
}

func (d *nodeDay) hex(n int) string {
	const digits = "0123456789abcdef"
	b := make([]byte, n)
	for i := range b {
		b[i] = digits[d.random.IntN(16)]
	}
	return string(b)
}

func (d *nodeDay) kubelet() {
	now := d.now.Time().UTC().Format("0102 15:04:05.000000")
	line := func(severity, file, text string) string {
		return fmt.Sprintf("%s%s %7d %s] %s", severity, now, 1834, file, text)
	}
	var text string
	switch d.random.IntN(8) {
	case 0:
		text = line("E", "kuberuntime_manager.go:1256", fmt.Sprintf("container &Container{Name:web,Image:registry.local/web:1.2} start failed in pod %s: ErrImagePull", d.pod()))
	case 1:
		text = line("W", "manager.go:1169", fmt.Sprintf("Failed to process watch event {EventType:0 Name:/kubepods.slice/kubepods-burstable.slice/pod%s}: task not found", d.hex(8)))
	case 2:
		text = line("E", "pod_workers.go:1298", fmt.Sprintf("\"Error syncing pod, skipping\" err=\"failed to \\\"StartContainer\\\" for \\\"web\\\" with CrashLoopBackOff\" pod=%q", d.pod()))
	case 3:
		text = line("I", "reconciler_common.go:258", fmt.Sprintf("\"operationExecutor.VerifyControllerAttachedVolume started for volume \\\"kube-api-access-%s\\\"\" pod=%q", d.hex(5), d.pod()))
	default:
		text = line("I", "kubelet.go:2448", fmt.Sprintf("\"SyncLoop (PLEG): event for pod\" pod=%q event={\"Type\":\"ContainerStarted\",\"Data\":%q}", d.pod(), d.hex(64)))
	}
	d.add(false, append(d.process("kubelet.service", "kubelet", 1834, 0), d.stream("kubelet", text)...)...)
}

func (d *nodeDay) containerd() {
	levels := []string{"info", "info", "info", "warning", "error", "debug"}
	texts := []string{
		"RunPodSandbox for &PodSandboxMetadata{Name:web,Uid:%s,Namespace:default,Attempt:0,}",
		"StartContainer for %s returns successfully",
		"shim disconnected id=%s namespace=k8s.io",
		"cleaning up dead shim id=%s",
	}
	text := fmt.Sprintf("time=%q level=%s msg=%q", d.now.Time().UTC().Format("2006-01-02T15:04:05.000000000Z07:00"),
		levels[d.random.IntN(len(levels))], fmt.Sprintf(texts[d.random.IntN(len(texts))], d.hex(64)))
	d.add(false, append(d.process("containerd.service", "containerd", 912, 0), d.stream("containerd", text)...)...)
}

func (d *nodeDay) kernel() {
	priority := d.random.IntN(8)
	texts := []string{
		"device veth%[1]s entered promiscuous mode", "cni0: port 3(veth%[1]s) entered blocking state",
		"IPv6: ADDRCONF(NETDEV_CHANGE): veth%[1]s: link becomes ready", "EXT4-fs (sda1): mounted filesystem with ordered data mode",
		"Memory cgroup out of memory: Killed process 4711 (java) total-vm:8123456kB, anon-rss:524288kB",
	}
	fields := []journal.Field{
		F("_TRANSPORT", "kernel"), F("SYSLOG_FACILITY", "0"), F("SYSLOG_IDENTIFIER", "kernel"), F("PRIORITY", fmt.Sprint(priority)),
		F("_SOURCE_MONOTONIC_TIMESTAMP", fmt.Sprint(2*second+d.now-d.began-50)),
		F("MESSAGE", fmt.Sprintf(texts[d.random.IntN(len(texts))], d.hex(8))),
	}
	if d.random.IntN(3) == 0 {
		fields = append(fields, F("_KERNEL_SUBSYSTEM", "net"), F("_KERNEL_DEVICE", "+net:cni0"), F("_UDEV_SYSNAME", "cni0"))
	}
	d.add(false, fields...)
}

func (d *nodeDay) sshd() {
	pid := 20000 + d.random.IntN(5000)
	texts := []string{
		"Accepted publickey for admin from 192.0.2.%d port 50022 ssh2: ED25519 SHA256:0123456789abcdef",
		"Failed password for invalid user oracle from 198.51.100.%d port 41234 ssh2",
		"Connection closed by 203.0.113.%d port 33444 [preauth]",
	}
	i := d.random.IntN(len(texts))
	d.add(false, append(d.process("ssh.service", "sshd", pid, 0),
		d.syslog("sshd", pid, 10, []int{6, 5, 6}[i], fmt.Sprintf(texts[i], d.random.IntN(255)))...)...)
}

func (d *nodeDay) cron() {
	pid := 30000 + d.random.IntN(5000)
	process := append(d.process("cron.service", "cron", pid, 0), F("_AUDIT_SESSION", fmt.Sprint(d.random.IntN(500))), F("_AUDIT_LOGINUID", "0"))
	d.add(false, append(process, d.syslog("CRON", pid, 9, 6, "(root) CMD (   cd / && run-parts --report /etc/cron.hourly)")...)...)
	d.add(false, append(process, d.syslog("CRON", pid, 10, 6, "pam_unix(cron:session): session closed for user root")...)...)
}
