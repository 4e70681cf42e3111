// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"sync/atomic"
	"time"
)

// batchDelay is how long a record may wait for others: a record that comes this long after the last
// batch is sent at once, so that rare matches and the first line are not held back.
const batchDelay = 20 * time.Millisecond

// due tells when the last batch is batchDelay ago. A timer does so, since to look at the clock for every record costs as much
// as the rest of what is done for it. The nil due is never.
type due struct {
	passed atomic.Bool
	timer  *time.Timer
}

// newDue returns a due that has passed already.
func newDue() *due {
	d := &due{}
	d.passed.Store(true)
	d.timer = time.AfterFunc(batchDelay, func() { d.passed.Store(true) })
	return d
}

func (d *due) now() bool { return d != nil && d.passed.Load() }

// sent begins the delay again.
func (d *due) sent() {
	if d != nil {
		d.passed.Store(false)
		d.timer.Reset(batchDelay)
	}
}

func (d *due) stop() { d.timer.Stop() }
