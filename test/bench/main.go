// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Bench compares nodectl with journalctl on the same journal files: whole processes, run in turn, so
// that a drift of the machine's speed meets both, each writing into a pipe that is read. It prints a Markdown table of medians and
// ratios, and noded's memory. Figures whose outputs differ do not count and end the program with an error.
//
//	go run ./test/bench -bin bin
//	go run ./test/bench -bin bin -entries 300000 -runs 3
//	go run ./test/bench -bin bin -against libsystemd
//	go run ./test/bench -bin bin -many
//	go run ./test/bench -bin bin -follow
//	go run ./test/bench -bin bin -logs
//	go run ./test/bench -bin bin -stats
//
// With -many it measures the first lines out of very many files, with -follow, in a booted node (root needed), how soon and
// at what cost new entries are printed, with -logs the logs of containers against the kubelet's own reader, with -stats (root
// needed) the cost of usage figures against cAdvisor, and noded alone on a full node.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// settings are the flags.
type settings struct {
	bin     string
	data    string
	entries int
	runs    int
	engine  string
	against string
	only    string

	many   bool
	files  int
	follow bool
	span   time.Duration
	rate   int
	write  string

	logs  bool
	lines int

	stats bool
}

// chosen is how many works are asked for that exclude each other.
func (s *settings) chosen() (n int) {
	for _, set := range []bool{s.many, s.follow, s.logs, s.stats} {
		if set {
			n++
		}
	}
	return n
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.bin, "bin", "bin", "directory of noded and nodectl")
	flags.StringVar(&s.data, "data", filepath.Join(os.TempDir(), "noded-bench"), "directory for the journal files, kept for the next time")
	flags.IntVar(&s.entries, "entries", 2_000_000, "number of journal entries")
	flags.IntVar(&s.runs, "runs", 5, "runs of each command")
	flags.StringVar(&s.engine, "engine", "auto", "noded's engine")
	flags.StringVar(&s.against, "against", "", "measure a second noded, with this engine, too")
	flags.StringVar(&s.only, "only", "", "measure only the works with this in their name")
	flags.BoolVar(&s.many, "many", false, "measure -n 10 of very many files instead")
	flags.IntVar(&s.files, "files", 1500, "with -many: number of files")
	flags.BoolVar(&s.follow, "follow", false, "measure following instead; needs root")
	flags.DurationVar(&s.span, "span", time.Minute, "with -follow, -logs and -stats: how long it is measured")
	flags.IntVar(&s.rate, "rate", 20_000, "with -follow: entries a second of the run that looks for losses")
	flags.StringVar(&s.write, "write", "", "with -follow: write entries, as this program lets itself do in the node")
	flags.BoolVar(&s.logs, "logs", false, "measure logs of containers instead")
	flags.IntVar(&s.lines, "lines", 3_000_000, "with -logs: number of lines")
	flags.BoolVar(&s.stats, "stats", false, "measure usage figures instead; needs root")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || s.entries < 1000 || s.runs < 1 || s.files < 1 || s.rate < 1 || s.span < time.Second ||
		s.lines < 20_000 || s.chosen() > 1 {
		return errors.New("wrong flags; see -help")
	}
	switch {
	case s.write != "":
		return writeEntries(ctx, s.write, stdout)
	case s.follow:
		return s.measureFollow(ctx, stdout, stderr)
	case s.logs:
		return s.measureLogs(ctx, stdout, stderr)
	case s.stats:
		return s.measureStats(ctx, stdout, stderr)
	case s.many:
		return s.measureMany(ctx, stdout, stderr)
	default:
		return s.compare(ctx, stdout, stderr)
	}
}
