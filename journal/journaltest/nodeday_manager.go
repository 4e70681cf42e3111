// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"fmt"

	"github.com/noded/noded/journal"
)

// Message ids of systemd, see sd-messages.h.
const (
	messageUnitStarting = "7d4958e842da4a758f6c1cdc7b36dcc5"
	messageUnitStarted  = "39f53479d3a045ac8e11786248231fbf"
	messageUnitStopped  = "9d1aaa27d60140bd96365438aad20286"
	messageUnitFailed   = "d9b373ed55a64feb8242e02dbe79a49c"
	messageProcessExit  = "98e322203f7a4ed290d09fe03c09fe15"
	messageCoredump     = "fc2e22bc6ee647b6b90729ab34a250b1"
	messageDropped      = "a596d6fe7bfa4994828e72309e95d61e"
)

// startBoot begins a boot with the kernel's first lines and the units that the manager starts.
func (d *nodeDay) startBoot(at journal.Usec, boot journal.ID128) {
	d.now, d.began, d.boot = at, at, boot
	d.add(false, F("_TRANSPORT", "kernel"), F("SYSLOG_FACILITY", "0"), F("SYSLOG_IDENTIFIER", "kernel"), F("PRIORITY", "5"),
		F("_SOURCE_MONOTONIC_TIMESTAMP", "0"), F("MESSAGE", "Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org) #1 SMP PREEMPT_DYNAMIC"))
	for _, unit := range []string{"systemd-journald.service", "containerd.service", "kubelet.service", "ssh.service", "cron.service"} {
		d.startUnit(unit)
	}
}

// pid1 are the fields of the manager's own messages about a unit.
func (d *nodeDay) pid1(unit, messageID, text string, priority int, more ...journal.Field) {
	fields := []journal.Field{
		F("_TRANSPORT", "journal"), F("PRIORITY", fmt.Sprint(priority)), F("SYSLOG_FACILITY", "3"), F("SYSLOG_IDENTIFIER", "systemd"), F("TID", "1"),
		F("_PID", "1"), F("_UID", "0"), F("_GID", "0"), F("_COMM", "systemd"), F("_EXE", "/usr/lib/systemd/systemd"), F("_CMDLINE", "/sbin/init"),
		F("_CAP_EFFECTIVE", "1ffffffffff"), F("_SELINUX_CONTEXT", "unconfined\n"), F("_SYSTEMD_CGROUP", "/init.scope"), F("_SYSTEMD_UNIT", "init.scope"),
		F("_SYSTEMD_SLICE", "-.slice"), F("CODE_FILE", "src/core/job.c"), F("CODE_LINE", "768"), F("CODE_FUNC", "job_emit_done_message"),
		F("UNIT", unit), F("INVOCATION_ID", d.runs[unit].String()), F("MESSAGE", text),
	}
	if messageID != "" {
		fields = append(fields, F("MESSAGE_ID", messageID))
	}
	d.add(false, append(fields, more...)...)
}

func (d *nodeDay) startUnit(unit string) {
	d.newRun(unit)
	d.counter++
	job := F("JOB_ID", fmt.Sprint(d.counter))
	d.pid1(unit, messageUnitStarting, "Starting "+unit+" - a service of the node...", 6, F("JOB_TYPE", "start"), job)
	d.pid1(unit, messageUnitStarted, "Started "+unit+" - a service of the node.", 6, F("JOB_TYPE", "start"), F("JOB_RESULT", "done"), job)
}

func (d *nodeDay) manager() {
	units := []string{"kubelet.service", "containerd.service", "cron.service", "apt-daily.service", "logrotate.service"}
	unit := units[d.random.IntN(len(units))]
	if _, ok := d.runs[unit]; !ok {
		d.startUnit(unit)
		return
	}
	switch d.random.IntN(3) {
	case 0:
		d.pid1(unit, messageProcessExit, unit+": Main process exited, code=exited, status=1/FAILURE", 5,
			F("COMMAND", unit), F("EXIT_CODE", "exited"), F("EXIT_STATUS", "1"))
		d.pid1(unit, messageUnitFailed, unit+": Failed with result 'exit-code'.", 4, F("UNIT_RESULT", "exit-code"))
		d.startUnit(unit)
	case 1:
		d.pid1(unit, messageUnitStopped, "Stopped "+unit+" - a service of the node.", 6, F("JOB_TYPE", "stop"), F("JOB_RESULT", "done"))
		d.startUnit(unit)
	default:
		d.pid1(unit, "", unit+": Consumed 1.234s CPU time.", 6, F("CPU_USAGE_NSEC", "1234000000"))
	}
}

// userSession is what happens in the manager of user 1000.
func (d *nodeDay) userSession() {
	unit := []string{"backup.service", "app@one.service"}[d.random.IntN(2)]
	run, ok := d.runs["user/"+unit]
	if !ok || d.random.IntN(10) == 0 {
		run = d.newRun("user/" + unit)
	}
	trusted := func(pid int, command, userUnit string) []journal.Field {
		return []journal.Field{
			F("_PID", fmt.Sprint(pid)), F("_UID", "1000"), F("_GID", "1000"), F("_COMM", command), F("_EXE", "/usr/bin/"+command), F("_CMDLINE", command),
			F("_CAP_EFFECTIVE", "0"), F("_AUDIT_SESSION", "3"), F("_AUDIT_LOGINUID", "1000"),
			F("_SYSTEMD_CGROUP", "/user.slice/user-1000.slice/user@1000.service/app.slice/"+userUnit), F("_SYSTEMD_OWNER_UID", "1000"),
			F("_SYSTEMD_UNIT", "user@1000.service"), F("_SYSTEMD_USER_UNIT", userUnit), F("_SYSTEMD_SLICE", "user-1000.slice"), F("_SYSTEMD_USER_SLICE", "app.slice"),
			F("_SYSTEMD_INVOCATION_ID", run.String()),
		}
	}
	if d.random.IntN(3) == 0 {
		d.add(true, append(trusted(900, "systemd", "init.scope"),
			F("_TRANSPORT", "journal"), F("PRIORITY", "6"), F("SYSLOG_FACILITY", "3"), F("SYSLOG_IDENTIFIER", "systemd"), F("USER_UNIT", unit),
			F("USER_INVOCATION_ID", run.String()), F("MESSAGE_ID", messageUnitStarted), F("JOB_TYPE", "start"), F("JOB_RESULT", "done"),
			F("MESSAGE", "Started "+unit+" - something of the user."))...)
		return
	}
	d.add(true, append(trusted(5000+d.random.IntN(100), "backup", unit),
		F("_TRANSPORT", "stdout"), F("PRIORITY", "6"), F("SYSLOG_FACILITY", "3"), F("SYSLOG_IDENTIFIER", "backup"),
		F("MESSAGE", fmt.Sprintf("saved %d files", d.random.IntN(1000))))...)
}

// application is a service that logs JSON.
func (d *nodeDay) application() {
	level := []string{"info", "warn", "error", "debug"}[d.random.IntN(4)]
	d.add(false, append(d.process("app.service", "app", 7001, 33),
		append(d.stream("app", fmt.Sprintf(`{"time":%q,"level":%q,"msg":"request served","status":%d,"ms":%d}`,
			d.now.Time().UTC().Format("2006-01-02T15:04:05.000Z"), level, 200+d.random.IntN(4)*100, d.random.IntN(900))), F("PRIORITY", "6"))...)...)
}

func (d *nodeDay) audit() {
	d.add(false, F("_TRANSPORT", "audit"), F("SYSLOG_FACILITY", "4"), F("SYSLOG_IDENTIFIER", "audit"), F("_AUDIT_TYPE", "1400"), F("_AUDIT_TYPE_NAME", "AVC"),
		F("_AUDIT_ID", fmt.Sprint(d.random.IntN(9000))), F("_PID", "4321"), F("_UID", "0"), F("PRIORITY", "5"),
		F("MESSAGE", `AVC apparmor="DENIED" operation="ptrace" profile="cri-containerd.apparmor.d" pid=4321 comm="ps"`))
}

// rare are the messages by which others than a unit's processes speak about it.
func (d *nodeDay) rare() {
	switch d.random.IntN(3) {
	case 0:
		unit := "kubelet.service"
		d.add(false, append(d.process("systemd-coredump@1-4711-0.service", "systemd-coredum", 4712, 0),
			F("_TRANSPORT", "journal"), F("PRIORITY", "2"), F("SYSLOG_IDENTIFIER", "systemd-coredump"), F("MESSAGE_ID", messageCoredump),
			F("COREDUMP_UNIT", unit), F("COREDUMP_PID", "4711"), F("COREDUMP_UID", "0"), F("COREDUMP_GID", "0"), F("COREDUMP_SIGNAL", "11"),
			F("COREDUMP_SIGNAL_NAME", "SIGSEGV"), F("COREDUMP_COMM", "kubelet"), F("COREDUMP_EXE", "/usr/bin/kubelet"),
			F("MESSAGE", "Process 4711 (kubelet) of user 0 dumped core.\n\nStack trace of thread 4711:\n#0  0x000000000046b2a1 n/a (kubelet + 0x6b2a1)\n"))...)
	case 1:
		d.add(false, append(d.process("systemd-oomd.service", "systemd-oomd", 611, 0),
			F("_TRANSPORT", "journal"), F("PRIORITY", "4"), F("SYSLOG_IDENTIFIER", "systemd-oomd"), F("OBJECT_PID", "7001"), F("OBJECT_UID", "33"), F("OBJECT_COMM", "app"),
			F("OBJECT_SYSTEMD_UNIT", "app.service"), F("OBJECT_SYSTEMD_SLICE", "system.slice"), F("MESSAGE", "Killed /system.slice/app.service due to memory used"))...)
	default:
		d.add(false, append(d.process("systemd-journald.service", "systemd-journal", 301, 0),
			F("_TRANSPORT", "driver"), F("PRIORITY", "6"), F("SYSLOG_FACILITY", "3"), F("SYSLOG_IDENTIFIER", "systemd-journald"), F("MESSAGE_ID", messageDropped),
			F("UNIT", "containerd.service"), F("N_DROPPED", fmt.Sprint(1+d.random.IntN(500))), F("MESSAGE", "Suppressed messages from containerd.service"))...)
	}
}
