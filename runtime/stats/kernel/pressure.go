// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"math"
	"time"
)

var total = []byte(" total=") // read-only

// ParsePressure calls put with how long some, or all, tasks waited: by a file of /proc/pressure, or one of a cgroup that ends with .pressure. See
// Documentation/accounting/psi.rst of the kernel:
//
//	some avg10=0.00 avg60=0.00 avg300=0.00 total=MICROSECONDS
//	full avg10=0.00 avg60=0.00 avg300=0.00 total=MICROSECONDS
func ParsePressure(text []byte, put func(full bool, nanoseconds uint64)) {
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte{'\n'})
		which, rest, _ := bytes.Cut(line, []byte{' '})
		i := bytes.LastIndex(rest, total)
		if i < 0 {
			continue
		}
		v, ok := ParseUint(rest[i+len(total):])
		if !ok || v > math.MaxUint64/uint64(time.Microsecond) {
			continue
		}
		switch string(which) {
		case "some":
			put(false, v*uint64(time.Microsecond))
		case "full":
			put(true, v*uint64(time.Microsecond))
		}
	}
}
