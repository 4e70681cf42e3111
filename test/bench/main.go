// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Bench compares nodectl with journalctl on the same journal files: whole processes, run in turn, so
// that a drift of the machine's speed meets both. It prints a Markdown table of medians and ratios, and
// noded's memory. Figures whose outputs differ do not count and end the program with an error.
//
//	go run ./test/bench -bin bin -entries 300000
package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
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
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.bin, "bin", "bin", "directory of noded and nodectl")
	flags.StringVar(&s.data, "data", filepath.Join(os.TempDir(), "noded-bench"), "directory for the journal files, kept for the next time")
	flags.IntVar(&s.entries, "entries", 300_000, "number of journal entries")
	flags.IntVar(&s.runs, "runs", 5, "runs of each command")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := fixture(ctx, s.data, s.entries, stderr)
	if err != nil {
		return fmt.Errorf("make journal files: %w", err)
	}
	d, err := startDaemon(ctx, s.bin, dir)
	if err != nil {
		return err
	}
	defer d.stop()
	idle, err := d.rss()
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%d entries in %s, %d runs each, medians\n\n", s.entries, version(ctx), s.runs)
	fmt.Fprintln(stdout, "| work | entries | journalctl | nodectl, socket | nodectl, files | entries/s: journalctl | socket | files | speed: socket | files |")
	fmt.Fprintln(stdout, "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
	for _, work := range works() {
		row, err := s.compare(ctx, work, dir, d.address)
		if err != nil {
			return fmt.Errorf("%s: %w", work.name, err)
		}
		fmt.Fprintln(stdout, row)
	}
	after, err := d.rss()
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "\nnoded's resident memory: %.1f MB idle after start, %.1f MB idle after all of this\n", mb(idle), mb(after))
	return nil
}

func mb(bytes int64) float64 { return float64(bytes) / 1e6 }

// work is one thing to measure. entries tells how many entries an output has.
type work struct {
	name string
	args []string
	json bool
}

func works() []work {
	hour := []string{"--since", "@" + strconv.FormatInt(start/1e6+12*3600, 10), "--until", "@" + strconv.FormatInt(start/1e6+13*3600, 10)}
	return []work{
		{"`-u kubelet -o json`", []string{"-u", "kubelet", "-o", "json"}, true},
		{"`-u kubelet -o short`", []string{"-u", "kubelet"}, false},
		{"`-u kubelet -o cat`", []string{"-u", "kubelet", "-o", "cat"}, false},
		{"`-u kubelet -o export`", []string{"-u", "kubelet", "-o", "export"}, false},
		{"everything, `-o short`", nil, false},
		{"one hour, `-o short`", hour, false},
		{"`-n 100`", []string{"-n", "100"}, false},
	}
}

// compare runs the three commands in turn and returns a row of the table.
func (s settings) compare(ctx context.Context, w work, dir, address string) (string, error) {
	nodectl := filepath.Join(s.bin, "nodectl")
	commands := [][]string{
		slices.Concat([]string{"journalctl", "--no-pager", "-q", "-D", dir}, w.args),
		slices.Concat([]string{nodectl, "--address", address, "journal", "--no-pager", "-q"}, w.args),
		slices.Concat([]string{nodectl, "journal", "--no-pager", "-q", "-D", dir}, w.args),
	}
	var digests [3]string
	var count int
	for i, c := range commands {
		out, err := output(ctx, c)
		if err != nil {
			return "", err
		}
		if digests[i], err = digest(out, w.json); err != nil {
			return "", err
		}
		count = entriesIn(out, w)
	}
	if digests[1] != digests[0] || digests[2] != digests[0] {
		return "", errors.New("the outputs differ, so that the figures do not count")
	}
	var times [3][]time.Duration
	for range s.runs {
		for i, c := range commands {
			took, err := timed(ctx, c)
			if err != nil {
				return "", err
			}
			times[i] = append(times[i], took)
		}
	}
	var m, rate [3]float64
	for i := range m {
		m[i] = median(times[i]).Seconds()
		rate[i] = float64(count) / m[i]
	}
	return fmt.Sprintf("| %s | %d | %.3f s | %.3f s | %.3f s | %.0f | %.0f | %.0f | %.2fx | %.2fx |",
		w.name, count, m[0], m[1], m[2], rate[0], rate[1], rate[2], m[0]/m[1], m[0]/m[2]), nil
}

func command(ctx context.Context, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C.UTF-8", "SYSTEMD_COLORS=0", "NO_COLOR=1")
	return cmd
}

func output(ctx context.Context, args []string) ([]byte, error) {
	var stderr bytes.Buffer
	cmd := command(ctx, args)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return out, nil
}

// timed runs a command whose output goes to /dev/null.
func timed(ctx context.Context, args []string) (time.Duration, error) {
	cmd := command(ctx, args)
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	return time.Since(begin), nil
}

// digest is the same for outputs that say the same: JSON is compared with its members in alphabetical order.
func digest(out []byte, isJSON bool) (string, error) {
	h := sha256.New()
	if !isJSON {
		h.Write(out)
		return hex.EncodeToString(h.Sum(nil)), nil
	}
	for line := range bytes.Lines(out) {
		var v map[string]any
		if err := json.Unmarshal(line, &v); err != nil {
			return "", err
		}
		sorted, err := json.Marshal(v)
		if err != nil {
			return "", err
		}
		h.Write(sorted)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// entriesIn counts the entries of an output: all messages have one line.
func entriesIn(out []byte, w work) int {
	if slices.Contains(w.args, "export") {
		return bytes.Count(out, []byte("\n\n"))
	}
	return bytes.Count(out, []byte("\n"))
}

func median(times []time.Duration) time.Duration {
	slices.SortFunc(times, cmp.Compare)
	return times[len(times)/2]
}

func version(ctx context.Context) string {
	out, err := output(ctx, []string{"journalctl", "--version"})
	if err != nil {
		return "an unknown systemd"
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return "files of " + first
}

// daemon is a noded on the journal files.
type daemon struct {
	cmd     *exec.Cmd
	address string
	dir     string
}

func startDaemon(ctx context.Context, bin, journal string) (*daemon, error) {
	dir, err := os.MkdirTemp("", "noded-bench-run")
	if err != nil {
		return nil, err
	}
	config, socket := filepath.Join(dir, "noded.yaml"), filepath.Join(dir, "s")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "noded"), "--config", config, "--socket", socket, "--journal-directory", journal, "--state-directory", dir)
	cmd.Stderr = nil
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	d := &daemon{cmd: cmd, address: "unix://" + socket, dir: dir}
	for range 500 {
		if _, err := os.Stat(socket); err == nil {
			// Let the start-up settle before memory is looked at.
			time.Sleep(2 * time.Second)
			return d, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	d.stop()
	return nil, errors.New("noded does not listen")
}

func (d *daemon) stop() {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	_ = d.cmd.Wait()
	_ = os.RemoveAll(d.dir)
}

// rss returns the resident memory in bytes.
func (d *daemon) rss() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return kib * 1024, err
		}
	}
	return 0, errors.New("no VmRSS in /proc/PID/status")
}
