// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
)

// start is the first entry's time in microseconds, the beginning of a day.
const start = 1_764_547_200_000_000

// seed makes the same journal every time.
const seed = 7

// perFile is the number of entries in one journal file.
const perFile = 100_000

// fixture makes the journal of one day with systemd-journal-remote, unless it is there from last time, and returns its
// directory.
func fixture(ctx context.Context, data string, entries int, progress io.Writer) (string, error) {
	dir := filepath.Join(data, fmt.Sprintf("day-%d-%d", entries, seed))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	fmt.Fprintf(progress, "making %d entries in %s ...\n", entries, dir)
	partial := dir + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return "", err
	}
	if err := os.MkdirAll(partial, 0o755); err != nil {
		return "", err
	}
	g := generator{random: rand.New(rand.NewPCG(seed, seed)), step: 86_400_000_000 / int64(entries)}
	for first := 0; first < entries; first += perFile {
		file := filepath.Join(partial, fmt.Sprintf("system-%03d.journal", first/perFile))
		if err := g.write(ctx, file, first, min(first+perFile, entries)); err != nil {
			return "", err
		}
	}
	return dir, os.Rename(partial, dir)
}

// generator writes entries in the Journal Export Format.
type generator struct {
	random *rand.Rand
	// step is the time from one entry to the next in microseconds.
	step int64
}

func (g *generator) write(ctx context.Context, file string, first, last int) error {
	cmd := exec.CommandContext(ctx, "/lib/systemd/systemd-journal-remote", "--output="+file, "-")
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	w := bufio.NewWriterSize(in, 1<<20)
	for i := first; i < last; i++ {
		g.entry(w, i)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := in.Close(); err != nil {
		return err
	}
	return cmd.Wait()
}

func (g *generator) entry(w io.Writer, i int) {
	units := [...]string{"kubelet", "containerd", "kube-apiserver", "etcd", "sshd", "cron", "systemd-logind", "node-exporter", "chronyd", "rsyslog", "systemd-networkd"}
	unit := units[0]
	if g.random.IntN(10) >= 4 {
		unit = units[1+g.random.IntN(len(units)-1)]
	}
	at := start + int64(i)*g.step
	fmt.Fprintf(w, "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=2f1c7c5b0d4e4f6aa9d1b7e3c5a60001\n", at, int64(i)*g.step+10_000_000)
	fmt.Fprintf(w, "_TRANSPORT=stdout\nPRIORITY=%d\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=%s\n_MACHINE_ID=6d1e9c5a7b3f4d2e8a0c1b2d3e4f5061\n_HOSTNAME=node-1\n", 3+g.random.IntN(4), unit)
	fmt.Fprintf(w, "_PID=%d\n_UID=0\n_GID=0\n_COMM=%s\n_EXE=/usr/bin/%s\n_CMDLINE=/usr/bin/%s --config=/etc/%s/config.yaml\n_CAP_EFFECTIVE=1ffffffffff\n", 700+len(unit), unit, unit, unit, unit)
	fmt.Fprintf(w, "_SYSTEMD_CGROUP=/system.slice/%s.service\n_SYSTEMD_UNIT=%s.service\n_SYSTEMD_SLICE=system.slice\n_SYSTEMD_INVOCATION_ID=5b8f0c1d2e3f4a5b6c7d8e9f0a1b2c3d\n", unit, unit)
	fmt.Fprintf(w, "MESSAGE=I1123 20:34:05.%06d    %4d pod_workers.go:%d] \"Processing pod event\" pod=\"default/app-%d\" podUID=\"%016x\" updateType=%d\n\n",
		g.random.IntN(1_000_000), 700+len(unit), g.random.IntN(2000), g.random.IntN(110), g.random.Uint64(), g.random.IntN(4))
}
