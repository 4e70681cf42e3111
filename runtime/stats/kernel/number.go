// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package kernel

import "math"

// ParseUint parses a decimal number: nothing but digits, no higher than fits. It allocates nothing.
func ParseUint(s []byte) (uint64, bool) {
	const digits = 20 // of the highest number
	if len(s) == 0 || len(s) > digits {
		return 0, false
	}
	var v uint64
	for _, c := range s {
		c -= '0'
		if c > 9 || v > math.MaxUint64/10 {
			return 0, false
		}
		next := v*10 + uint64(c)
		if next < v {
			return 0, false
		}
		v = next
	}
	return v, true
}
