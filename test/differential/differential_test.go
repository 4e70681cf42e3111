// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/noded/noded/journal/engines"
	"github.com/noded/noded/journal/journaltest"
)

// programs are the binaries under test, built once. nodectl is as it is shipped, static; dynamic is nodectl with libsystemd.
type programs struct{ noded, nodectl, dynamic string }

func build(t *testing.T) programs {
	t.Helper()
	if _, err := exec.LookPath("journalctl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("journalctl is not installed: apt-get install systemd")
		}
		t.Skip("journalctl is not installed")
	}
	dir := t.TempDir()
	return programs{
		noded:   buildProgram(t, filepath.Join(dir, "noded"), "./cmd/noded", true),
		nodectl: buildProgram(t, filepath.Join(dir, "nodectl"), "./cmd/nodectl", false),
		dynamic: buildProgram(t, filepath.Join(dir, "nodectl-dynamic"), "./cmd/nodectl", true),
	}
}

// buildProgram builds a program, with cgo or without.
func buildProgram(t *testing.T, path, source string, cgo bool) string {
	t.Helper()
	cmd := exec.Command("go", "build", "-o", path, source)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if cgo {
		cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", source, err, out)
	}
	return path
}

func environment() []string {
	return append(os.Environ(), "TZ=UTC", "LC_ALL=C.UTF-8", "SYSTEMD_COLORS=0", "SYSTEMD_PAGER=", "NO_COLOR=1")
}

// result is what a program left.
type result struct {
	stdout, stderr []byte
	exit           int
}

func run(t *testing.T, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = environment()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return result{stdout.Bytes(), stderr.Bytes(), cmd.ProcessState.ExitCode()}
}

// source returns the options that name the fixture's files.
func source(f journaltest.Fixture) []string {
	if f.Dir != "" {
		return []string{"-D", f.Dir}
	}
	var args []string
	for _, file := range f.Files {
		args = append(args, "--file="+file)
	}
	return args
}

// facts are the words in braces of a command line, for one fixture.
func facts(t *testing.T, f journaltest.Fixture) *strings.Replacer {
	t.Helper()
	type place struct {
		Cursor   string `json:"__CURSOR"`
		Realtime string `json:"__REALTIME_TIMESTAMP"`
		BootID   string `json:"_BOOT_ID"`
	}
	out := run(t, append([]string{"journalctl", "--no-pager", "-q", "-o", "json", "--output-fields=_BOOT_ID"}, source(f)...)...)
	var places []place
	for line := range bytes.Lines(out.stdout) {
		var p place
		if err := json.Unmarshal(line, &p); err != nil {
			t.Fatalf("journalctl -o json: %v", err)
		}
		places = append(places, p)
	}
	if len(places) == 0 {
		const none = "s=6840fabca2b64174b573f250e1c62908;i=1;b=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa02;m=1;t=1;x=1"
		places = append(places, place{none, "1700000000000000", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa02"})
	}
	first, middle, last := places[0], places[len(places)/2], places[len(places)-1]
	at := func(p place, plus int64) string {
		usec, err := strconv.ParseInt(p.Realtime, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		usec += plus * 1_000_000
		return fmt.Sprintf("@%d.%06d", usec/1_000_000, usec%1_000_000)
	}
	usec, _ := strconv.ParseInt(middle.Realtime, 10, 64)
	return strings.NewReplacer(
		"{first}", at(first, 0), "{middle}", at(middle, 0), "{last}", at(last, 0), "{before}", at(first, -3600), "{after}", at(last, 86400),
		"{middleDate}", time.UnixMicro(usec).UTC().Format("2006-01-02 15:04:05"),
		"{cursor}", middle.Cursor, "{lastCursor}", last.Cursor, "{boot}", middle.BootID,
	)
}

// start starts a noded on the fixture, with an engine, and returns its address.
func start(t *testing.T, p programs, dir, engine string) string {
	t.Helper()
	state := t.TempDir()
	// Socket paths are short.
	run, err := os.MkdirTemp("", "noded")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(run) })
	config := filepath.Join(state, "noded.yaml")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(run, "s")
	cmd := exec.Command(p.noded, "--config", config, "--socket", socket, "--journal-directory", dir, "--state-directory", state, "--engine", engine)
	var stderr bytes.Buffer
	cmd.Stderr, cmd.Env = &stderr, environment()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("noded: %v\n%s", err, stderr.Bytes())
		}
	})
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		if _, err := os.Stat(socket); err == nil {
			return "unix://" + socket
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("noded does not listen on %s", socket)
	return ""
}

func TestJournalctl(t *testing.T) {
	t.Parallel()
	bin := build(t)
	fixtures := journaltest.Corpus(t)
	if len(fixtures) < 12 {
		t.Errorf("the corpus has %d journals, want at least 12", len(fixtures))
	}
	all := combinations()
	if len(all) < 200 {
		t.Errorf("there are %d option combinations, want at least 200", len(all))
	}
	var compared, skipped atomic.Int64
	t.Run("fixtures", func(t *testing.T) {
		for number, f := range fixtures {
			t.Run(f.Name, func(t *testing.T) {
				t.Parallel()
				c := newComparison(t, bin, f)
				for i, combo := range all {
					if reason := known(combo.args, f.Name); reason != "" {
						skipped.Add(1)
						continue
					}
					if variesFormat(f.Name) && (i+number)%formatShare != 0 {
						combo.filesOnly = true
					}
					n := c.compare(t, combo, (i+number)%libsystemdShare == 0)
					if n == 0 {
						skipped.Add(1)
					}
					compared.Add(n)
				}
			})
		}
	})
	t.Logf("%d comparisons over %d journals and %d option combinations; %d left out as known differences",
		compared.Load(), len(fixtures), len(all), skipped.Load())
}

// One of so many command lines is run with the engine libsystemd, too, and through noded where a fixture only varies the
// format of files, which noded does not see. Over the fixtures it is all of them.
const (
	libsystemdShare = 12
	formatShare     = 4
)

// variesFormat reports whether a fixture has the entries of others in files of another format.
func variesFormat(name string) bool {
	return slices.Contains([]string{"unkeyed", "regular", "oldest", "lz4", "xz", "uncompressed", "all-compressed", "sealed", "versions"}, name)
}

// comparison compares the programs on one fixture.
type comparison struct {
	fixture journaltest.Fixture
	facts   *strings.Replacer
	// The ways to read it, each the words before those of the command line.
	files, noded                     []string
	filesLibsystemd, nodedLibsystemd []string
}

func newComparison(t *testing.T, bin programs, f journaltest.Fixture) *comparison {
	t.Helper()
	c := &comparison{fixture: f, facts: facts(t, f)}
	c.files = append([]string{bin.nodectl, "journal", "--no-pager"}, source(f)...)
	c.filesLibsystemd = append([]string{bin.dynamic, "journal", "--no-pager", "--engine", engines.Libsystemd}, source(f)...)
	if f.Dir != "" {
		c.noded = []string{bin.nodectl, "--address", start(t, bin, f.Dir, engines.Auto), "journal", "--no-pager"}
		c.nodedLibsystemd = []string{bin.nodectl, "--address", start(t, bin, f.Dir, engines.Libsystemd), "journal", "--no-pager"}
	}
	return c
}

// compare runs one command line with journalctl, with nodectl on the files and with nodectl through noded, both also with
// libsystemd if that is wanted, and returns the number of comparisons.
func (c *comparison) compare(t *testing.T, combo combination, libsystemd bool) int64 {
	t.Helper()
	var args []string
	for word := range strings.FieldsSeq(combo.args) {
		args = append(args, c.facts.Replace(word))
	}
	want := run(t, slices.Concat([]string{"journalctl", "--no-pager"}, source(c.fixture), args)...)
	if knownFailure(want) != "" {
		return 0
	}
	ways := map[string][]string{"files": c.files}
	if libsystemd {
		ways["files, libsystemd"] = c.filesLibsystemd
	}
	if c.noded != nil && !combo.filesOnly {
		ways["noded"] = c.noded
		if libsystemd {
			ways["noded, libsystemd"] = c.nodedLibsystemd
		}
	}
	for how, words := range ways {
		c.check(t, combo, how, want, run(t, slices.Concat(words, args)...))
	}
	return int64(len(ways))
}

func (c *comparison) check(t *testing.T, combo combination, how string, want, got result) {
	t.Helper()
	if diff := compare(combo.args, want.stdout, got.stdout); diff != "" {
		t.Errorf("%s through %s: %s\nnodectl's stderr: %s", combo.args, how, diff, got.stderr)
	}
	if (want.exit == 0) != (got.exit == 0) {
		t.Errorf("%s through %s: journalctl exits %d, nodectl %d\njournalctl: %s\nnodectl: %s",
			combo.args, how, want.exit, got.exit, want.stderr, got.stderr)
	}
}
