// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/dirwatch"
	"github.com/noded/noded/runtime/podlog"
	"github.com/noded/noded/runtime/safefs"
)

// plan is a run of the follow verifier.
type plan struct {
	seed uint64
	// lines are written at rate lines a second while the log is rotated this often and the container restarted this often; before, when
	// nobody follows yet, a tenth as many lines with five rotations.
	lines, rate, rotations, restarts int
	// breaking is what the faults have in common that break the reader off.
	breaking *breaking
	// breaks is how often the reader is broken off and goes on after its last position. kills is how often noded is killed.
	breaks, kills int
	options       Options
}

// span is how long lines are written.
func (p *plan) span() time.Duration {
	return time.Duration(p.lines) * time.Second / time.Duration(p.rate)
}

// quiet is how long nothing may come before what is missing counts as lost.
const quiet = time.Minute

// reader reads the one log of a root with a query until it ends or ctx does.
type reader func(ctx context.Context, q podlog.Query, sink podlog.Sink) error

// follow runs a plan with a reader. during, if it is not nil, runs while lines are written.
func follow(t *testing.T, p plan, checker *Checker, read reader, during func(ctx context.Context) error) Report {
	t.Helper()
	t.Logf("seed %d, %+v", p.seed, p)
	truth := checker.truth
	// A file is removed when the reader has got it: on a busy machine that may be late.
	following := make(chan struct{})
	p.options.BeforeRemove = func(file int32) {
		select {
		case <-following:
			waitFor(t.Context(), func() bool { return checker.HasFile(file) })
		default:
		}
	}
	log, err := Create(p.options, truth)
	if err != nil {
		t.Fatal(err)
	}
	w := &Writer{Log: log, Generator: NewGenerator(p.seed, p.options.Format == JSON), Seed: p.seed}
	backlog(t, w, min(p.lines/10, 20_000))

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	close(following)
	if p.breaking == nil {
		p.breaking = new(breaking)
	}
	var readers, faults sync.WaitGroup
	var readErr, rotateErr, duringErr error
	broken, ended := make(chan struct{}), make(chan struct{})
	readers.Go(func() {
		defer close(ended)
		readErr = followOn(ctx, p, read, checker, broken)
	})
	faults.Go(func() {
		r := Rotator{Log: log, Every: p.span() / time.Duration(p.rotations), Seed: p.seed}
		rotateErr = r.Run(ctx, p.rotations)
	})
	if during != nil {
		faults.Go(func() { duringErr = during(ctx) })
	}
	w.Rate = p.rate
	if err := w.Lines(ctx, p.lines, p.restarts); err != nil {
		t.Error(err)
	}
	// On a busy machine some faults are left: they come while lines are written, too.
	left := make(chan struct{})
	go func() {
		defer close(left)
		faults.Wait()
		select {
		case <-broken:
		case <-ended:
		}
	}()
	for more := true; more; {
		select {
		case <-left:
			more = false
		default:
			if err := w.Lines(ctx, p.rate/20, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	await(checker, truth)
	cancel()
	readers.Wait()
	if err := log.Close(); err != nil {
		t.Error(err)
	}
	if readErr != nil {
		t.Errorf("the reader: %v", readErr)
	}
	if rotateErr != nil || duringErr != nil {
		t.Errorf("the faults: %v", errors.Join(rotateErr, duringErr))
	}
	return checker.Report()
}

// waitFor waits until something holds, or for so long that it is given up.
func waitFor(ctx context.Context, holds func() bool) {
	for end := time.Now().Add(2 * time.Minute); !holds() && ctx.Err() == nil && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
}

// breaking is held by who breaks a reader off, in whatever way, until there is another one.
type breaking struct{ sync.Mutex }

// do breaks a reader off that has begun to get something.
func (b *breaking) do(ctx context.Context, checker *Checker, fault func() error) error {
	b.Lock()
	defer b.Unlock()
	before := 0
	waitFor(ctx, func() (lives bool) {
		before, lives = checker.Sessions()
		return lives
	})
	if err := fault(); err != nil {
		return err
	}
	waitFor(ctx, func() bool {
		n, _ := checker.Sessions()
		return n > before
	})
	return nil
}

// backlog writes what is there before anybody reads: plain and compressed files.
func backlog(t *testing.T, w *Writer, lines int) {
	t.Helper()
	for range 4 {
		if err := w.Lines(t.Context(), lines/4, 0); err != nil {
			t.Fatal(err)
		}
		if err := w.Log.Rotate(Rotation{}); err != nil {
			t.Fatal(err)
		}
	}
}

// followOn follows, and is broken off and goes on as often as planned while lines are written. done is closed when it is broken off no more.
func followOn(ctx context.Context, p plan, read reader, checker *Checker, done chan<- struct{}) error {
	var breaker sync.WaitGroup
	defer breaker.Wait()
	random := rand.New(rand.NewPCG(p.seed, 0xb4ea))
	for left := p.breaks; ctx.Err() == nil; left-- {
		attempt, stop := context.WithCancel(ctx)
		switch {
		case left > 0:
			wait := p.span() / time.Duration(p.breaks+1)
			at := time.Now().Add(wait/2 + time.Duration(random.Int64N(int64(wait))))
			breaker.Go(func() {
				if sleepUntil(attempt, at) {
					_ = p.breaking.do(ctx, checker, func() error { stop(); return nil })
				}
			})
		case left == 0:
			close(done)
		}
		q := podlog.NewQuery()
		q.Follow = true
		q.Cursor = checker.Cursor()
		checker.Began()
		err := read(attempt, q, checker)
		broken := attempt.Err() != nil
		stop()
		if err == nil {
			return errors.New("it ended by itself")
		}
		if !broken || !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return nil
}

// await waits until everything has come, or nothing does any more.
func await(checker *Checker, truth *Truth) {
	for {
		received, latest := checker.Received()
		if received >= truth.Counts().Lines || time.Since(latest) > quiet {
			time.Sleep(200 * time.Millisecond) // for a line that comes twice
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// inProcess reads with podlog.
func inProcess(t *testing.T, root string, to podlog.Target) reader {
	t.Helper()
	hub := dirwatch.NewHub(discard())
	t.Cleanup(func() {
		if err := hub.Close(); err != nil {
			t.Error(err)
		}
	})
	at := safefs.NewRoot(root)
	logs := podlog.New(podlog.Config{Pods: at, Docker: at, Hub: hub, Logger: discard()})
	return func(ctx context.Context, q podlog.Query, sink podlog.Sink) error {
		return logs.Read(ctx, podlog.Fixed{to}, q, sink)
	}
}

// judge fails the test for faults, and for a run that proves nothing because too little happened.
func judge(t *testing.T, p plan, r *Report) {
	t.Helper()
	t.Logf("seed %d: %s", p.seed, r)
	if faults := r.Faults(); faults != "" {
		t.Error(faults)
	}
	if r.Lost > 0 || r.Gaps > 0 {
		t.Errorf("%d lines were lost, %d gaps", r.Lost, r.Gaps)
	}
	c := r.Counts
	if c.Rotations < p.rotations || c.Restarts < p.restarts || c.Compressed == 0 || c.Removed == 0 || c.Spanning == 0 || c.Split == 0 || r.Archived == 0 ||
		r.Sessions < p.breaks+p.kills+1 {
		t.Errorf("the run is not valid: too little happened")
	}
}

// TestFollow follows a container through rotations, compression, removal and restarts, and goes on after breaks.
func TestFollow(t *testing.T) {
	t.Parallel()
	const dockerID = "4f1c0a3b5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708"
	for _, test := range []struct {
		name string
		dir  string
		plan plan
	}{
		{"CRI", podDir + "/" + containerName, plan{seed: 1, lines: 100_000, rate: 5000, rotations: 60, restarts: 10, breaks: 20,
			options: Options{KeepRuns: 3}}},
		{"JSON", podDir + "/" + containerName, plan{seed: 2, lines: 10_000, rate: 1000, rotations: 30, restarts: 5, breaks: 5,
			options: Options{KeepRuns: 3, Format: JSON}}},
		{"Docker", dockerID, plan{seed: 3, lines: 10_000, rate: 1000, rotations: 30, breaks: 5,
			options: Options{Layout: podlog.LayoutDocker, Format: JSON}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			p := test.plan
			p.options.Dir = filepath.Join(root, filepath.FromSlash(test.dir))
			to := target(test.dir, p.options.Layout)
			if to.Layout == podlog.LayoutDocker {
				to.Source = podlog.Source{Container: "web", ID: dockerID}
			}
			r := follow(t, p, NewChecker(NewTruth()), inProcess(t, root, to), nil)
			judge(t, p, &r)
		})
	}
}

// stalled is a Sink that stops taking records when it is told to.
type stalled struct {
	*Checker
	after int
	wait  func() error
}

func (s *stalled) Record(r *podlog.Record) error {
	if err := s.Checker.Record(r); err != nil {
		return err
	}
	if s.after--; s.after == 0 {
		return s.wait()
	}
	return nil
}

// TestFollowStalled: what is rotated, compressed and removed while a client takes nothing is a gap, of exactly these lines.
func TestFollowStalled(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		root := t.TempDir()
		truth := NewTruth()
		log, err := Create(Options{Dir: filepath.Join(root, podDir, containerName), KeepRuns: 2}, truth)
		if err != nil {
			t.Fatal(err)
		}
		w := &Writer{Log: log, Generator: NewGenerator(seed, false), Seed: seed}
		backlog(t, w, 1000)
		checker := NewChecker(truth)
		sink := &stalled{Checker: checker, after: 300 + int(seed)*120, wait: func() error { return overtake(t.Context(), w, int(seed%3)) }}
		ctx, cancel := context.WithCancel(t.Context())
		var done sync.WaitGroup
		var readErr error
		read := inProcess(t, root, target(podDir+"/"+containerName, podlog.LayoutCRI))
		done.Go(func() {
			q := podlog.NewQuery()
			q.Follow = true
			checker.Began()
			readErr = read(ctx, q, sink)
		})
		awaitEnd(t, checker, truth)
		cancel()
		done.Wait()
		if !errors.Is(readErr, context.Canceled) {
			t.Errorf("Read: %v", readErr)
		}
		if err := log.Close(); err != nil {
			t.Error(err)
		}
		r := checker.Report()
		t.Logf("seed %d: %s", seed, &r)
		if faults := r.Faults(); faults != "" {
			t.Errorf("seed %d:\n%s", seed, faults)
		}
		if r.Lost == 0 || r.Gaps == 0 {
			t.Errorf("seed %d: nothing was lost; the run proves nothing", seed)
		}
		for _, g := range checker.gaps {
			if g.Reason != journal.GapVacuumed || g.Source != "default/web-0/"+containerName {
				t.Errorf("gap %+v", g.Gap)
			}
		}
	}
}

// overtake writes, rotates and restarts until the files that a reader was in are gone, and more than are kept for it.
func overtake(ctx context.Context, w *Writer, restarts int) error {
	for range 30 {
		if err := w.Lines(ctx, 200, restarts); err != nil {
			return err
		}
		if err := w.Log.Rotate(Rotation{}); err != nil {
			return err
		}
	}
	return w.Lines(ctx, 100, 0)
}

// awaitEnd waits until the last line has come.
func awaitEnd(t *testing.T, checker *Checker, truth *Truth) {
	t.Helper()
	for {
		received, latest := checker.Received()
		if received > 0 && checker.hasLast() {
			return
		}
		if time.Since(latest) > quiet {
			t.Errorf("nothing comes any more after %d of %d lines", received, truth.Counts().Lines)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
