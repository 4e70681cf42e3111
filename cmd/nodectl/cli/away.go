// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"time"

	"github.com/noded/noded/client"
)

// awayTeller says on stderr that noded went away during a watch, and that it is back.
type awayTeller struct {
	*globals
	// away: that was told.
	away bool
}

// broken tells that noded is away for long.
func (t *awayTeller) broken(b client.Break) {
	t.away = true
	fmt.Fprintf(t.Err, "noded went away; waiting up to %v: %s\n", b.Wait, visible(b.Cause.Error()))
}

// resumed tells that it is back, if it was.
func (t *awayTeller) resumed(r client.Resume) {
	if t.away {
		t.away = false
		fmt.Fprintf(t.Err, "noded is back after %v\n", r.Away.Round(time.Second))
	}
}
