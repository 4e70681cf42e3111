// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package dirwatch

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"
)

// Hub watches directories for any number of goroutines with one inotify descriptor and one watch for each directory.
// Where inotify cannot be had it makes them look now and then. It is safe for concurrent use.
type Hub struct{}

// NewHub returns a hub. It opens nothing before the first watch.
func NewHub(logger *slog.Logger) *Hub { return &Hub{} }

// Close ends all watches and waits for the hub's goroutine.
func (h *Hub) Close() error { return nil }

// Err returns why directories are looked at now and then instead of watched: usually that inotify instances or watches are
// exhausted. nil when all is well.
func (h *Hub) Err() error { return nil }

// Group returns a group of directories that one goroutine waits for.
func (h *Hub) Group() *Group { return &Group{} }

// ID names a directory in a group.
type ID int

// Change is a directory in which something happened.
type Change struct {
	ID   ID
	Kind Kind
}

// Kind says what happened, as bits.
type Kind uint8

// The kinds of changes.
const (
	// Written: a file in the directory was written to or truncated.
	Written Kind = 1 << iota
	// Closed: a file was closed that had been open for writing.
	Closed
	// Names: a file or directory was made, renamed or removed, or the directory itself was.
	Names
	// Unknown: anything may have happened, because events were lost or the directory is not watched.
	Unknown
)

// Group is the directories that one goroutine waits for. Wake can be called by others.
type Group struct{}

// Add watches a directory, which stays the caller's and can be closed at once. A directory that cannot be watched is reported by
// Wait as Unknown now and then.
func (g *Group) Add(dir *os.File) (ID, error) { return 0, errors.ErrUnsupported }

// Remove ends the watch of a directory. An id that is not there is ignored.
func (g *Group) Remove(id ID) {}

// Wait waits for changes since the last call, for Wake, for the time d, if it is not negative, or for the end of ctx, which is
// the error then. Changes of one directory are joined. The slice is valid until the next call; it is empty after Wake or d.
func (g *Group) Wait(ctx context.Context, d time.Duration) ([]Change, error) {
	return nil, errors.ErrUnsupported
}

// Wake makes the Wait that runs, or else the next one, return.
func (g *Group) Wake() {}

// Close ends the watches of the group.
func (g *Group) Close() {}
