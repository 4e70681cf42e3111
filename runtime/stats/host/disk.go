// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"math"

	"github.com/noded/noded/runtime/stats/kernel"
	"github.com/noded/noded/runtime/stats/metric"
)

// sectorBytes is what /proc/diskstats counts in, whatever sectors a disk has.
const sectorBytes = 512

// eachDisk calls each for every line of /proc/diskstats, with reads, bytes read, writes and bytes written: major, minor, name, reads,
// merged, sectors read, ms, writes, merged, sectors written, ...; see Documentation/admin-guide/iostats.rst of the kernel.
func eachDisk(data []byte, each func(name []byte, counters row)) {
	for len(data) > 0 {
		var line, name, field []byte
		line, data = nextLine(data)
		_, line = nextField(line)
		_, line = nextField(line)
		name, line = nextField(line)
		var fields [7]uint64
		ok := len(name) > 0
		for i := 0; i < len(fields) && ok; i++ {
			field, line = nextField(line)
			fields[i], ok = kernel.ParseUint(field)
		}
		if ok && fields[2] <= math.MaxUint64/sectorBytes && fields[6] <= math.MaxUint64/sectorBytes {
			each(name, row{fields[0], fields[2] * sectorBytes, fields[4], fields[6] * sectorBytes})
		}
	}
}

// nodeDisks sets the numbers of all disks. mu is held.
func (r *Reader) nodeDisks(to *metric.Set) error {
	if len(r.devices) == 0 {
		return nil
	}
	data, err := r.read(r.proc, "diskstats")
	if err != nil {
		return err
	}
	now := make(map[string]row, len(r.devices))
	eachDisk(data, func(name []byte, counters row) {
		if r.devices[string(name)] {
			now[string(name)] = counters
		}
	})
	total := r.disks.add(now)
	to.Put(metric.IOReads, total[0])
	to.Put(metric.IOReadBytes, total[1])
	to.Put(metric.IOWrites, total[2])
	to.Put(metric.IOWriteBytes, total[3])
	return nil
}
