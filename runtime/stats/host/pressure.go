// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"math"
	"time"

	"github.com/noded/noded/runtime/stats/metric"
)

// pressureFile is a file of /proc/pressure and what is in it.
type pressureFile struct {
	name       string
	some, full metric.ID
}

var pressureFiles = [...]pressureFile{ // read-only
	{"cpu", metric.PressureCPUSome, metric.PressureCPUFull},
	{"memory", metric.PressureMemorySome, metric.PressureMemoryFull},
	{"io", metric.PressureIOSome, metric.PressureIOFull},
}

// put sets the totals of a file, which are in microseconds; see Documentation/accounting/psi.rst of the kernel.
func (p *pressureFile) put(data []byte, to *metric.Set) {
	for len(data) > 0 {
		var line []byte
		line, data = nextLine(data)
		kind, rest := nextField(line)
		id := p.some
		switch string(kind) {
		case "some":
		case "full":
			id = p.full
		default:
			continue
		}
		_, total, _ := bytes.Cut(rest, []byte(" total="))
		number, _ := nextField(total)
		if v, ok := parseUint(number); ok && v <= math.MaxUint64/uint64(time.Microsecond) {
			to.Put(id, v*uint64(time.Microsecond))
		}
	}
}
