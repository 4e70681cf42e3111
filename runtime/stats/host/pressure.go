// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"github.com/noded/noded/runtime/stats/kernel"
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

// put sets the totals of a file.
func (p *pressureFile) put(data []byte, to *metric.Set) {
	kernel.ParsePressure(data, func(full bool, nanoseconds uint64) {
		if full {
			to.Put(p.full, nanoseconds)
		} else {
			to.Put(p.some, nanoseconds)
		}
	})
}
