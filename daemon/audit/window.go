// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"sync"
	"time"
)

// maxUsers is the number of users for each of which there is a window. The one who was quiet for the longest time makes
// room for another.
const maxUsers = 64

// windows is a window for each user, so that nobody hides what others do by being refused, and one for all,
// because a user can have many ids. It is safe for concurrent use.
type windows struct {
	limit  int
	length time.Duration

	// mu guards the fields below.
	mu    sync.Mutex
	all   window
	users map[uint32]*window
	// forgotten is what windows that made room had counted.
	forgotten int
}

func newWindows(limit int, length time.Duration) *windows {
	return &windows{
		limit: limit, length: length,
		all:   window{limit: 10 * limit, length: length},
		users: make(map[uint32]*window),
	}
}

// allow reports whether an event of a user passes, and how many did not since the user's last one that did.
func (w *windows) allow(uid uint32, now time.Time) (ok bool, suppressed int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	user := w.users[uid]
	if user == nil {
		w.makeRoom()
		user = &window{limit: w.limit, length: w.length}
		w.users[uid] = user
	}
	user.last = now
	if !user.open(now) || !w.all.open(now) {
		user.suppressed++
		return false, 0
	}
	user.seen++
	w.all.seen++
	suppressed = user.suppressed + w.forgotten
	user.suppressed, w.forgotten = 0, 0
	return true, suppressed
}

// makeRoom forgets the user who was quiet for the longest time, if there are too many.
func (w *windows) makeRoom() {
	if len(w.users) < maxUsers {
		return
	}
	var oldest uint32
	var last time.Time
	for uid, user := range w.users {
		if last.IsZero() || user.last.Before(last) {
			oldest, last = uid, user.last
		}
	}
	w.forgotten += w.users[oldest].suppressed
	delete(w.users, oldest)
}

// window lets a number of events pass in each length of time.
type window struct {
	limit  int
	length time.Duration
	start  time.Time
	seen   int
	// last is the time of the last event, suppressed the number of those that did not pass since the last one that did.
	last       time.Time
	suppressed int
}

// open reports whether one more event passes at now.
func (w *window) open(now time.Time) bool {
	if now.Sub(w.start) >= w.length {
		w.start, w.seen = now, 0
	}
	return w.seen < w.limit
}
