// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package history remembers what was measured of many things for a while, compressed and in memory.
//
//	store := history.New(history.Config{MaxBytes: 16 << 20, Retention: 15 * time.Minute})
//	store.Append("container/4f1c", time.Now(), []history.Value{{ID: metric.MemoryUsage, V: 200 << 20}})
//	if s, ok := store.Summarize("container/4f1c", metric.MemoryUsage, from, to, 60); ok {
//		fmt.Fprintln(w, s.Mean, s.P95, s.Max)
//	}
//
// # How it is kept
//
// A thing is an entity. Its samples are rows: a time, in milliseconds, and a value of each metric. New rows are kept as they are; when
// there are some tens of them they become a block: the times once, and of each metric a chunk of Prometheus' XOR encoding, or one value
// if it did not change. Rows are put into the block before as long as that is small, so that blocks have up to 128 rows.
//
// # What is dropped
//
// Whole blocks, and first the ones whose last sample came the longest ago, whoever they are of: after Retention, or before, when there
// is no room in MaxBytes. So the past that is left is about as long for all, and many that live for a short time shorten it for all. An
// entity is forgotten with the last of its samples.
//
// Age is counted from when a sample came, by a clock that does not step, and not from the time that it bears: a wall clock that was a
// year ahead for a minute neither clears the history nor leaves samples that never go away.
//
// # Clocks that step
//
// The times of samples are those of the wall clock. When it steps back, a new block begins; nothing is lost or overwritten. Queries
// select by time and see what was measured before and after the step in one order of time. A sample at the time of the one before it
// is added to its row.
//
// It does not compute rates, and knows nothing about what the entities are.
//
// # Security
//
// Load reads bytes that may be damaged or forged. Whatever they are, it does not panic, it needs no more memory than MaxBytes and
// a few megabytes to read into, and what it keeps is as valid as if it had been appended. The format is in docs/format/history.md.
package history
