// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package differential

import "strings"

// combination is one command line, the same for both programs. Words in braces are replaced by facts of the
// fixture, see facts.
type combination struct {
	args string
	// filesOnly: the options choose files, so that there is no daemon to ask.
	filesOnly bool
}

func modes() []string {
	return strings.Fields(`short short-full short-iso short-iso-precise short-precise short-monotonic short-delta
		short-unix verbose export json json-pretty json-sse json-seq cat with-unit`)
}

// combinations returns all command lines, each once.
func combinations() []combination {
	var out []combination
	add := func(lines ...string) {
		for _, line := range lines {
			out = append(out, combination{args: line})
		}
	}
	for _, mode := range modes() {
		for _, more := range []string{
			"", "-a", "-r -n 25", "--utc -n 40", "-n 30 --output-fields=MESSAGE,_PID,PRIORITY,NOPE", "--no-hostname -n 30",
			"-u kubelet -n 50", "-n 20 --no-full", "-p warning", "-x -n 60",
		} {
			add(strings.TrimSpace("-o " + mode + " " + more))
		}
	}
	add(selections()...)
	add(windows()...)
	add(listings()...)
	for _, line := range []string{"-m", "-m -r -n 30", "-m -o short-monotonic", "-m -o export -n 100"} {
		out = append(out, combination{args: line, filesOnly: true})
	}
	return out
}

func selections() []string {
	return []string{
		"-u kubelet.service", "-u kubelet -u containerd", "-u kube*", "-u *.service", "-u [k]ubelet.*", "-u nosuchunit",
		"-u nosuch*x", "-u system.slice", "-u user.slice", "-u sshd -p err", "-u cron -n 5 -r", "--user-unit app.service", "--user-unit *.service",
		"--user-unit app -u kubelet",
		"-t kubelet", "-t kubelet -t sshd", "-t nosuch", "-t kernel -p 4",
		"-p 3", "-p err", "-p emerg..err", "-p 3..5", "-p debug", "-p 0", "-p notice..notice",
		"--facility=kern", "--facility=daemon,auth", "--facility=3", "--facility=local0 -p 6",
		"-k", "-k -n 5", "--dmesg -p warning", "-k -b -1",
		"-b", "-b 0", "-b -1", "-b -0", "--boot=1", "--boot={boot}", "-b {boot}-1", "-b {boot}+1", "-b all", "-b {boot} -u kubelet -o cat", "-b -99", "-b -1 -r -n 5",
		"-g error", "-g Error", "-g ERROR --case-sensitive=no", "-g error --case-sensitive=yes", "-g ^E -n 5", "-g nosuchtextanywhere", "-g line -n 10 -o cat", "-g error -u kubelet -r",
		"_PID=1", "_TRANSPORT=kernel", "_TRANSPORT=kernel _TRANSPORT=stdout", "_PID=1 PRIORITY=6", "_PID=1 + _TRANSPORT=kernel",
		"_SYSTEMD_UNIT=kubelet.service PRIORITY=6 + SYSLOG_IDENTIFIER=sshd", "NOPE=1", "MESSAGE=", "_HOSTNAME=node-1 -n 3",
		"-u kubelet _PID=1", "-u kubelet PRIORITY=3 + _TRANSPORT=kernel -n 20",
		"-q", "-q -g error", "-q -n 0", "-o short-delta -u kubelet", "-o short-monotonic -k",
		"-o json -u kubelet -n 1 --all", "-o cat -u kubelet -p err", "-o cat --output-fields=_SYSTEMD_UNIT", "-o cat --output-fields=_SYSTEMD_UNIT,MESSAGE",
		"-o verbose -n 3 -r", "-o export -u sshd", "-o short-unix -k", "-o with-unit -k -n 10", "-o cat -a",
	}
}

func windows() []string {
	return []string{
		"--since {first}", "--since {middle}", "--since {last}", "--since {after}", "--until {middle}", "--until {first}", "--until {before}", "--until {last}",
		"--since {middle} --until {last} -o short-unix", "-S {middle} -U {middle}", "--since {middle} -u kubelet", "--since {middle} -r", "--until {middle} -r", "--until {middle} -r -n 7",
		"--since {first} --until {middle} -r -n 9", "--since {middle} -g error", "--until {middle} -p 3 -o cat", "--since 2001-01-01 -n all -o short-full", "--until 2001-01-01",
		"--since {middleDate} -o short-precise", "--until {middleDate} -o short-iso",
		"-n 1", "-n 10", "-n 0", "-n all", "-n 100000", "-r", "-r -n 1", "-n 3 -r -u kubelet", "-e", "-e -o cat",
		"--show-cursor", "-n 5 --show-cursor", "-r -n 5 --show-cursor", "-n 0 --show-cursor", "--until {middle} --show-cursor", "-u nosuchunit --show-cursor", "-g nosuchtextanywhere --show-cursor",
		"-c {cursor}", "-c {cursor} -n 3", "-c {cursor} -r", "-c {cursor} -r -n 3 --show-cursor", "--after-cursor={cursor}", "--after-cursor={cursor} -n 3", "--after-cursor={cursor} -r -n 4",
		"-c {cursor} --until {last}", "-c {cursor} -p 6", "--after-cursor={lastCursor}", "--after-cursor={lastCursor} --show-cursor", "-c {lastCursor} -o export",
	}
}

func listings() []string {
	return []string{
		"-N", "-F _SYSTEMD_UNIT", "-F PRIORITY", "-F MESSAGE", "-F _TRANSPORT", "-F NOPE", "--field=SYSLOG_IDENTIFIER", "-F _BOOT_ID",
		"--list-boots", "--list-boots -r", "--list-boots -q", "--list-boots --utc", "--disk-usage",
	}
}
