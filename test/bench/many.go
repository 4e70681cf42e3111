// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journaltest"
)

const (
	// entriesPerFile of the very many files: a machine that was started often and wrote little.
	entriesPerFile = 50
	// dataBuckets is the size of the hash table that journald makes in a file that may grow to 128 MiB.
	dataBuckets = 233_016
)

// manyFixture makes files of 8 MiB each, most of it holes, in one sequence one after another, as rotation leaves them.
func manyFixture(data string, files int, progress io.Writer) (string, error) {
	return makeOnce(data, fmt.Sprintf("many-%d", files), progress, func(dir string) error {
		sequence := journal.ID128{0x0d, 1: 0x5e, 15: 1}
		for i := range files {
			first := uint64(i)*entriesPerFile + 1
			entries := manyEntries(i)
			name := fmt.Sprintf("system@%s-%016x-%016x.journal", sequence, first, uint64(entries[0].Realtime))
			o := journaltest.FileOptions{SeqnumID: sequence, FirstSeqnum: first, State: journalfile.StateArchived, DataBuckets: dataBuckets, FieldBuckets: 333}
			if i == files-1 {
				name, o.State = "system.journal", journalfile.StateOffline
			}
			if err := journaltest.WriteFile(filepath.Join(dir, name), o, entries); err != nil {
				return err
			}
		}
		return nil
	})
}

// manyEntries are the entries of one of very many files, each of which is a boot of a minute.
func manyEntries(file int) []journaltest.Entry {
	boot := journal.ID128{1, 14: byte(file >> 8), 15: byte(file)}
	entries := make([]journaltest.Entry, entriesPerFile)
	for i := range entries {
		elapsed := journal.Usec(i+1) * 1_000_000
		entries[i] = journaltest.Entry{
			Realtime: start + journal.Usec(file)*60_000_000 + elapsed, Monotonic: elapsed, BootID: boot,
			Fields: []journal.Field{
				journaltest.F("_TRANSPORT", "stdout"), journaltest.F("PRIORITY", "6"), journaltest.F("SYSLOG_IDENTIFIER", "kubelet"),
				journaltest.F("_HOSTNAME", "node-1"), journaltest.F("_MACHINE_ID", "6d1e9c5a7b3f4d2e8a0c1b2d3e4f5061"),
				journaltest.F("_SYSTEMD_UNIT", "kubelet.service"), journaltest.F("_PID", "1834"), journaltest.F("_UID", "0"),
				journaltest.F("MESSAGE", fmt.Sprintf("line %d of boot %d", i, file)),
			},
		}
	}
	return entries
}

// held is what a process holds open.
type held struct{ descriptors, mappings int }

func heldBy(pid int) held {
	var h held
	if names, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/fd"); err == nil {
		h.descriptors = len(names)
	}
	if text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/maps"); err == nil {
		h.mappings = bytes.Count(text, []byte("\n"))
	}
	return h
}

// measureMany measures how soon the last lines come out of very many files, and what noded holds open for that.
func (s settings) measureMany(ctx context.Context, stdout, stderr io.Writer) error {
	dir, err := manyFixture(s.data, s.files, stderr)
	if err != nil {
		return fmt.Errorf("make journal files: %w", err)
	}
	d, err := startDaemon(ctx, s.bin, dir, s.engine)
	if err != nil {
		return err
	}
	defer d.stop()
	pid := d.cmd.Process.Pid
	idle := heldBy(pid)
	// Used by the sampler only, until it has stopped.
	var most held
	watch := startSampler(time.Millisecond, func() {
		h := heldBy(pid)
		most.descriptors, most.mappings = max(most.descriptors, h.descriptors), max(most.mappings, h.mappings)
	})
	contenders, stop, err := s.contenders(ctx, dir, d)
	if err != nil {
		watch.stop()
		return err
	}
	defer stop()
	fmt.Fprintf(stdout, "%d files of 8 MiB, %s, engine %s, medians of %d runs in turn, files in the page cache\n\n", s.files, version(ctx), s.engine, s.runs)
	title, rule := "| work |", "|---|"
	for _, c := range contenders {
		title += " " + c.name + " |"
		rule += "---:|"
	}
	fmt.Fprintf(stdout, "%s aim | |\n%s---:|---|\n", title, rule)
	for _, w := range manyWorks() {
		if err = s.measureFiles(ctx, stdout, w, contenders); err != nil {
			err = fmt.Errorf("%s: %w", w.name, err)
			break
		}
	}
	watch.stop()
	if err != nil {
		return err
	}
	after := heldBy(pid)
	m, err := memoryOf(pid)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "\nnoded held %d descriptors and %d mappings idle after start, at most %d and %d, %d and %d after it; its own memory is %.1f MB.\n",
		idle.descriptors, idle.mappings, most.descriptors, most.mappings, after.descriptors, after.mappings, mb(m.anonymous))
	return nil
}

// manyWorks are the works on very many files. Aims are milliseconds.
func manyWorks() []work {
	return []work{
		{"`-n 10`", []string{"-n", "10"}, lines, 100, false},
		{"`-u kubelet -n 10`", []string{"-u", "kubelet", "-n", "10"}, lines, 0, false},
		{"everything, `-o cat`", []string{"-o", "cat"}, lines, 0, false},
	}
}

func (s settings) measureFiles(ctx context.Context, stdout io.Writer, w work, contenders []contender) error {
	if _, err := check(ctx, w, contenders); err != nil {
		return err
	}
	medians, err := s.inTurn(ctx, w, contenders)
	if err != nil {
		return err
	}
	row, slowest := "| "+w.name+" |", time.Duration(0)
	for i, m := range medians {
		row += fmt.Sprintf(" %.1f ms |", m.Seconds()*1e3)
		if i > 0 {
			slowest = max(slowest, m)
		}
	}
	if w.aim == 0 {
		row += " | |"
	} else {
		row += fmt.Sprintf(" %.0f ms | %s |", w.aim, verdict(slowest.Seconds()*1e3 < w.aim))
	}
	_, err = fmt.Fprintln(stdout, row)
	return err
}
