// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"time"

	"github.com/noded/noded/runtime/dirwatch"
	"github.com/noded/noded/runtime/logtree"
)

// watchedTree is a log tree as an Inventory needs it.
type watchedTree struct{ *logtree.Tree }

// watch implements tree.
func (t watchedTree) watch(ctx context.Context, hub *dirwatch.Hub, changed func()) {
	w := t.Watch(hub)
	defer w.Close()
	for {
		changed()
		if err := w.Wait(ctx, -1); err != nil {
			return // of ctx: nobody else closes it
		}
	}
}

// newestLog implements tree.
func (t watchedTree) newestLog(p *Pod) time.Time {
	dir, ok := podDir(p.Namespace, p.Name, p.UID)
	if !ok {
		return time.Time{}
	}
	// One that cannot be looked at is as old as one without logs.
	newest, _ := t.LastWrite(dir)
	return newest
}
