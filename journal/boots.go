// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Boots lists the boots, oldest first. The last has offset 0 for BootRef. Boots whose
// entries are interleaved, as after merging journals of several machines, are listed as far as going from the last entry of one
// to the next meets them, which is how journalctl lists them.
func (l *Local) Boots(ctx context.Context) ([]Boot, error) {
	r, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	walk := bootWalk{r: r}
	if err := walk.begin(ID128{}); err != nil {
		return nil, fmt.Errorf("list boots: %w", err)
	}
	var boots []Boot
	seen := make(map[ID128]bool)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b, err := walk.next()
		if errors.Is(err, io.EOF) || err == nil && seen[b.ID] {
			return boots, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list boots: %w", err)
		}
		seen[b.ID] = true
		boots = append(boots, b)
	}
}

// resolveBoot finds the boot that a reference means. No reference is the zero id.
func (l *Local) resolveBoot(r Reader, ref *BootRef) (ID128, error) {
	if ref == nil {
		return ID128{}, nil
	}
	if ref.ID.IsZero() && ref.Offset == 0 && !l.CurrentBoot.IsZero() {
		return l.CurrentBoot, nil
	}
	walk := bootWalk{r: r, older: ref.Offset <= 0}
	err := walk.begin(ref.ID)
	if err == nil && !ref.ID.IsZero() && ref.Offset == 0 {
		return ref.ID, nil
	}
	// Without an id the first boot that the walk meets is 0 when it goes back, and 1 when it goes forward.
	steps := ref.Offset
	if walk.older {
		steps = -steps
		if ref.ID.IsZero() {
			steps++
		}
	}
	var b Boot
	for ; steps > 0 && err == nil; steps-- {
		b, err = walk.next()
	}
	if errors.Is(err, io.EOF) {
		return ID128{}, fmt.Errorf("boot %s: %w", ref, ErrNoBoot)
	}
	if err != nil {
		return ID128{}, fmt.Errorf("find boot %s: %w", ref, err)
	}
	return b.ID, nil
}

// bootWalk goes from boot to boot.
type bootWalk struct {
	r Reader
	// older is the direction.
	older bool
	at    ID128
}

// begin stands before the first boot in the direction of the walk, or on the boot from.
func (w *bootWalk) begin(from ID128) error {
	w.at = from
	if from.IsZero() {
		if err := w.r.SetMatch(nil); err != nil {
			return err
		}
		return w.r.Seek(w.side(!w.older))
	}
	_, err := w.far(from, !w.older)
	return err
}

// side returns the beginning of the journal or its end.
func (w *bootWalk) side(head bool) Position {
	if head {
		return Head()
	}
	return Tail()
}

// far goes to the last entry of a boot, or to the first.
func (w *bootWalk) far(boot ID128, last bool) (Header, error) {
	if err := w.r.SetMatch(Match{Group{terms("_BOOT_ID", boot.String())}}); err != nil {
		return Header{}, err
	}
	if err := w.r.Seek(w.side(!last)); err != nil {
		return Header{}, err
	}
	e, err := w.move(last)
	if err != nil {
		return Header{}, err
	}
	h := e.Header()
	return h, w.stand(h, last)
}

// stand goes to an entry without matches, which change the position.
func (w *bootWalk) stand(h Header, back bool) error {
	if err := w.r.SetMatch(nil); err != nil {
		return err
	}
	if err := w.r.Seek(AtCursor(h.Cursor())); err != nil {
		return err
	}
	_, err := w.move(back)
	return err
}

func (w *bootWalk) move(back bool) (Entry, error) {
	if back {
		return w.r.Previous()
	}
	return w.r.Next()
}

// next returns the next boot in the direction of the walk, or io.EOF.
func (w *bootWalk) next() (Boot, error) {
	var near Header
	for {
		e, err := w.move(w.older)
		if err != nil {
			return Boot{}, err
		}
		if near = e.Header(); near.BootID != w.at {
			break
		}
	}
	w.at = near.BootID
	far, err := w.far(w.at, !w.older)
	if errors.Is(err, io.EOF) {
		// No entry has the boot in a field, only in its header.
		far, err = near, w.stand(near, w.older)
	}
	if err != nil {
		return Boot{}, err
	}
	if w.older {
		return Boot{ID: w.at, First: far.Realtime, Last: near.Realtime}, nil
	}
	return Boot{ID: w.at, First: near.Realtime, Last: far.Realtime}, nil
}
