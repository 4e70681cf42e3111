// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"math/rand/v2"
	"time"
)

// Writer writes lines of a Generator to a Log at a rate, pieces of both streams mixed, and restarts the container now and then.
type Writer struct {
	Log       *Log
	Generator *Generator
	// Rate is the number of lines a second; 0 means as fast as it goes.
	Rate int
	// Seed decides about the mix.
	Seed uint64

	random *rand.Rand
	// pending says of which streams there is an unfinished line.
	pending [2]bool
	// slow is for how many lines more the unfinished line of slowStream is not hurried.
	slow, slowStream int
}

// Lines writes a number of lines. With restarts, as many lie evenly between them; at some of these the last line has no
// newline.
func (w *Writer) Lines(ctx context.Context, count, restarts int) error {
	if w.random == nil {
		w.random = rand.New(rand.NewPCG(w.Seed, 0x3717))
	}
	begin := time.Now()
	done := 0
	for i := range count {
		if w.Rate > 0 {
			if !sleepUntil(ctx, begin.Add(time.Duration(i)*time.Second/time.Duration(w.Rate))) {
				return ctx.Err()
			}
		}
		if err := w.next(); err != nil {
			return err
		}
		if done < restarts && i+1 >= (done+1)*count/(restarts+1) {
			if err := w.restart(); err != nil {
				return err
			}
			done++
		}
	}
	return w.finish()
}

// sleepUntil waits until a time, if it is not near. It reports false if ctx ended.
func sleepUntil(ctx context.Context, until time.Time) bool {
	ahead := time.Until(until)
	if ahead < time.Millisecond {
		return true
	}
	timer := time.NewTimer(ahead)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// next begins a line, after the line of its stream before has been finished. Most lines in pieces are written so slowly that
// many lines of the other stream come between, so that files are rotated within lines.
func (w *Writer) next() error {
	line := w.Generator.Next()
	stream := 0
	if line.Stderr {
		stream = 1
	}
	if w.slow--; w.slow > 0 && w.pending[w.slowStream] {
		stream = 1 - w.slowStream
		line.Stderr = stream == 1
		if w.random.IntN(150) == 0 {
			if err := w.piece(w.slowStream); err != nil {
				return err
			}
		}
	}
	for w.pending[stream] {
		if err := w.piece(w.random.IntN(2)); err != nil {
			return err
		}
	}
	if err := w.Log.Begin(line); err != nil {
		return err
	}
	w.pending[stream] = true
	if err := w.piece(stream); err != nil {
		return err
	}
	if w.slow <= 0 && w.pending[stream] {
		w.slow, w.slowStream = 100+w.random.IntN(300), stream
	}
	return nil
}

// piece writes a piece of a stream if there is an unfinished line.
func (w *Writer) piece(stream int) error {
	more, err := w.Log.Piece(stream == 1)
	w.pending[stream] = more
	return err
}

func (w *Writer) finish() error {
	w.pending = [2]bool{}
	return w.Log.Finish()
}

// restart finishes the lines and begins the next run.
func (w *Writer) restart() error {
	if err := w.finish(); err != nil {
		return err
	}
	if w.random.IntN(2) == 0 {
		line := w.Generator.Next()
		line.Open = true
		line.Text = append(line.Text, 'x') // nothing without a newline is nothing
		if err := w.Log.Write(line); err != nil {
			return err
		}
	}
	return w.Log.Restart()
}

// Rotator rotates a log now and then.
type Rotator struct {
	Log *Log
	// Every is the mean time between rotations.
	Every time.Duration
	Seed  uint64
}

// Run rotates until ctx ends, which is no error, or count times.
func (r *Rotator) Run(ctx context.Context, count int) error {
	random := rand.New(rand.NewPCG(r.Seed, 0x40a7))
	next := time.Now()
	for range count {
		next = next.Add(r.Every/2 + time.Duration(random.Int64N(int64(r.Every))))
		if !sleepUntil(ctx, next) {
			break
		}
		for !r.Log.Used() && ctx.Err() == nil {
			sleepUntil(ctx, time.Now().Add(2*time.Millisecond))
		}
		rotation := Rotation{Late: random.IntN(4) == 0}
		if random.IntN(2) == 0 {
			rotation.Pause = time.Duration(random.Int64N(int64(5 * time.Millisecond)))
		}
		if err := r.Log.Rotate(rotation); err != nil {
			return err
		}
	}
	return nil
}
