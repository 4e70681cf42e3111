// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package sdjournal

// DefaultMaxEntryBytes is the limit without MaxEntryBytes.
const DefaultMaxEntryBytes = 64 << 20

// Option changes how an Engine reads.
type Option func(*settings)

type settings struct{ maxEntry int }

// MaxEntryBytes limits the size of an entry, all its fields together, and so the memory that a reader takes: anybody who may
// log can write fields of 768 MiB. Reading the fields of a larger entry gives journal.ErrTooLarge; a
// larger value is left out where values are listed. libsystemd itself (252) decompresses such
// a value nevertheless; the memory is freed before the next entry. 0 is the default.
func MaxEntryBytes(n int) Option {
	return func(s *settings) {
		if n > 0 {
			s.maxEntry = n
		}
	}
}
