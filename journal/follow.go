// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import "time"

// lateness is how long after Until a follower still waits for entries of that time: journald stamps them when it
// receives them and writes them after that.
const lateness = 2 * time.Second

// follow delivers entries as they are written, until the context ends or the query's Until has passed.
func (rd *reading) follow() error {
	if err := rd.tellProgress(true); err != nil {
		return err
	}
	for {
		change, err := rd.r.Wait(rd.ctx)
		if err != nil {
			return rd.fail(err)
		}
		rd.tellWatch()
		if change == ChangeFiles {
			if err := rd.filesChanged(); err != nil {
				return err
			}
		}
		if err := rd.lost.mark(rd.r); err != nil {
			return rd.fail(err)
		}
		done, err := rd.drain(nil)
		if err != nil {
			return err
		}
		rd.lost.reached()
		if err := rd.lost.settle(rd.ctx, rd.r, rd.sink); err != nil {
			return rd.fail(err)
		}
		if done || rd.q.Until != nil && UsecOf(rd.now().Add(-lateness)) > *rd.q.Until {
			return rd.tellProgress(true)
		}
		if rd.looked != rd.toldAt || rd.now().Sub(rd.told) >= rd.heartbeat() {
			if err := rd.tellProgress(true); err != nil {
				return err
			}
		}
	}
}

// tellWatch tells once that the reader cannot watch.
func (rd *reading) tellWatch() {
	watcher, ok := rd.r.(interface{ WatchError() error })
	if !ok || rd.onWatchError == nil {
		return
	}
	if err := watcher.WatchError(); err != nil {
		rd.onWatchError(err)
		rd.onWatchError = nil
	}
}

// heartbeat is how often a follower tells its position although nothing matched: often while there is news
// of it.
func (rd *reading) heartbeat() time.Duration {
	if rd.lost.newest(rd.last) != rd.last {
		return progressInterval
	}
	return 10 * progressInterval
}

// filesChanged looks for what was lost when files came and went.
func (rd *reading) filesChanged() error {
	if err := rd.tellProblems(); err != nil {
		return err
	}
	files, err := rd.r.Files()
	if err != nil {
		return rd.fail(err)
	}
	return rd.lost.check(files, rd.last.Realtime, rd.unfiltered(), rd.sink)
}
