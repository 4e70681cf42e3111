// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	linesPerSecond = 1000
	// quietTimeout is how long a follower may deliver nothing before it is given up.
	quietTimeout = 2 * time.Minute
)

// writeLines writes "line NUMBER NANOSECONDS" at linesPerSecond; it is what the unit in the node runs.
func writeLines(count string, w io.Writer) int {
	total, err := strconv.Atoi(count)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	start := time.Now()
	for n := 1; n <= total; n++ {
		time.Sleep(time.Until(start.Add(time.Duration(n) * time.Second / linesPerSecond)))
		if _, err := fmt.Fprintf(w, "line %d %d\n", n, time.Now().UnixNano()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return 0
}

// follower is a nodectl journal -f of a unit that writes numbered lines.
type follower struct {
	machine
	total  int
	cmd    *exec.Cmd
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu sync.Mutex
	// mu guards the fields below.
	lines  []line
	stderr strings.Builder
	latest time.Time
	// there: something came.
	there bool
}

type line struct {
	number            int
	written, received time.Time
}

// follow starts a follower and then, once it waits for records, a unit that writes lines.
func (m machine) follow(unit string, total int) *follower {
	m.t.Helper()
	self, err := os.Executable()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := m.CopyIn(m.t.Context(), self, "/usr/local/bin/e2e-writer", 0o755); err != nil {
		m.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(m.t.Context())
	f := &follower{machine: m, total: total, cancel: cancel, latest: time.Now()}
	f.cmd = m.Command(ctx, "nodectl", "journal", unit, "-f", "-n", "0", "-o", "cat", "--timeout=30s")
	stdout, err := f.cmd.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	stderr, err := f.cmd.StderrPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := f.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	f.done.Go(func() { f.read(stdout) })
	f.done.Go(func() { f.readErrors(stderr) })
	m.t.Cleanup(f.stop)
	// The unit says something until the follower is there.
	start := "/run/" + unit + ".start"
	m.run("systemd-run", "--quiet", "--unit="+unit, "--property=RemainAfterExit=yes", "--property=LogRateLimitIntervalSec=0", "sh", "-c",
		fmt.Sprintf("until [ -e %s ]; do echo waiting; sleep 0.1; done; exec env %s=%d /usr/local/bin/e2e-writer", start, writerEnv, total))
	m.eventually(soon, "the follower shows what the unit says", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.there
	})
	m.write(start, "")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.latest = time.Now()
	return f
}

func (f *follower) read(r io.Reader) {
	for scanner := bufio.NewScanner(r); scanner.Scan(); {
		now := time.Now()
		f.mu.Lock()
		f.there = true
		f.mu.Unlock()
		words := strings.Fields(scanner.Text())
		if len(words) != 3 || words[0] != "line" {
			continue // what comes before the lines
		}
		number, err1 := strconv.Atoi(words[1])
		ns, err2 := strconv.ParseInt(words[2], 10, 64)
		if err1 != nil || err2 != nil {
			continue // the missing number shows in verify
		}
		f.mu.Lock()
		f.lines = append(f.lines, line{number, time.Unix(0, ns), now})
		f.latest = now
		f.mu.Unlock()
	}
}

func (f *follower) readErrors(r io.Reader) {
	for scanner := bufio.NewScanner(r); scanner.Scan(); {
		f.mu.Lock()
		f.stderr.WriteString(scanner.Text() + "\n")
		f.mu.Unlock()
	}
}

func (f *follower) stop() {
	f.cancel()
	f.done.Wait()
	_ = f.cmd.Wait() // it was killed
}

// highest returns the highest number that was received, and when a line came last.
func (f *follower) highest() (int, time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	highest := 0
	if len(f.lines) > 0 {
		highest = f.lines[len(f.lines)-1].number
	}
	return highest, f.latest
}

// waitLines waits until line n has come.
func (f *follower) waitLines(n int) {
	f.t.Helper()
	for {
		highest, latest := f.highest()
		if highest >= n {
			return
		}
		if time.Since(latest) > quietTimeout {
			f.t.Fatalf("no line for %v after line %d of %d; standard error of nodectl:\n%s", quietTimeout, highest, f.total, f.errors())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (f *follower) errors() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stderr.String()
}

// finish waits for the last line and ends the follower.
func (f *follower) finish() {
	f.t.Helper()
	f.waitLines(f.total)
	time.Sleep(500 * time.Millisecond) // for a line that comes twice
	f.stop()
}

var gapLine = regexp.MustCompile(`(?m)^-- Gap: (\d+) entr`)

// verify checks that each line came exactly once and in order, or is counted by a gap.
func (f *follower) verify() {
	f.t.Helper()
	next, missing, repeated := 1, 0, 0
	for _, l := range f.lines {
		switch {
		case l.number < next:
			repeated++
		default:
			missing += l.number - next
			next = l.number + 1
		}
	}
	missing += f.total + 1 - next
	told := 0
	for _, match := range gapLine.FindAllStringSubmatch(f.errors(), -1) {
		n, err := strconv.Atoi(match[1])
		if err != nil {
			f.t.Error(err)
		}
		told += n
	}
	f.t.Logf("%d lines received of %d; %d missing, %d told by gaps, %d repeated or out of order", len(f.lines), f.total, missing, told, repeated)
	if repeated > 0 {
		f.t.Errorf("%d lines came twice or out of order", repeated)
	}
	if missing != told {
		f.t.Errorf("%d lines are missing, gaps tell of %d; standard error of nodectl:\n%s", missing, told, f.errors())
	}
}

// delays logs how long lines took from the unit's write to nodectl's. Those written while noded was away are counted apart.
func (f *follower) delays(away []time.Time) {
	f.t.Helper()
	var all, steady []time.Duration
	for _, l := range f.lines {
		delay := l.received.Sub(l.written)
		all = append(all, delay)
		if !slices.ContainsFunc(away, func(t time.Time) bool { return l.received.After(t) && l.written.Before(t.Add(2*time.Second)) }) {
			steady = append(steady, delay)
		}
	}
	for _, set := range []struct {
		name   string
		delays []time.Duration
	}{{"all lines", all}, {"without restarts of noded", steady}} {
		slices.Sort(set.delays)
		if n := len(set.delays); n > 0 {
			f.t.Logf("delay of %s: n=%d p50=%v p99=%v max=%v", set.name, n, set.delays[n/2], set.delays[n*99/100], set.delays[n-1])
		}
	}
}

// TestFollow follows a busy unit while its journal is rotated and vacuumed and noded is killed: nothing
// is lost, nothing comes twice.
func TestFollow(t *testing.T) {
	const total, rotations, vacuums, kills = 20_000, 20, 5, 2
	m := startMachine(t)
	m.waitActive()
	f := m.follow("e2e-follow", total)

	var away []time.Time
	rotated, vacuumed := 0, 0
	for i := range rotations {
		f.waitLines((i + 1) * total / (rotations + 1))
		before := m.journalFiles()
		m.run("journalctl", "--rotate")
		for _, file := range m.journalFiles() {
			if !slices.Contains(before, file) {
				rotated++
				break
			}
		}
		if i%(rotations/vacuums) == rotations/vacuums-1 {
			before := len(m.journalFiles())
			m.run("journalctl", "--vacuum-files=2")
			if len(m.journalFiles()) < before {
				vacuumed++
			}
		}
		if i == rotations/3 || i == 2*rotations/3 {
			m.run("systemctl", "kill", "--signal=KILL", "noded.service")
			away = append(away, time.Now())
		}
	}
	f.finish()

	t.Logf("rotated %d times, vacuumed %d times, killed noded %d times", rotated, vacuumed, len(away))
	if rotated < rotations || vacuumed < vacuums || len(away) != kills {
		t.Fatalf("the run is not valid: want %d rotations, %d vacuums that remove files, %d kills", rotations, vacuums, kills)
	}
	if got := m.property("NRestarts"); got != strconv.Itoa(kills) {
		t.Errorf("noded was restarted %s times, want %d", got, kills)
	}
	f.verify()
	f.delays(away)
}

// journalFiles lists the node's journal files.
func (m machine) journalFiles() []string {
	m.t.Helper()
	files := strings.Fields(m.run("sh", "-c", "ls /var/log/journal/*/*.journal"))
	for i, file := range files {
		files[i] = filepath.Base(file)
	}
	return files
}
