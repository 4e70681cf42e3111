// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"syscall"
	"time"

	"github.com/noded/noded/runtime/stats/disk"
	"github.com/noded/noded/runtime/stats/kernel"
	"github.com/noded/noded/runtime/stats/metric"
)

// lookUpAgain is how long interfaces and disks that were found are not looked for again.
const lookUpAgain = time.Minute

// Reading says when numbers were read.
type Reading struct {
	// Time is on the wall clock, Boot since the boot (CLOCK_BOOTTIME), which never steps.
	Time time.Time
	Boot time.Duration
}

// Read reads the numbers of the node as a whole. What cannot be read is in the error; the others are in to all the same. What the kernel
// does not have, such as pressure, is neither.
func (r *Reader) Read(to *metric.Set) (Reading, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lookUp()
	reading := Reading{Time: r.now()}
	boot, err := r.bootTime()
	if err != nil {
		return reading, fmt.Errorf("read the time since the boot: %w", err)
	}
	reading.Boot = boot
	errs := []error{r.cpu(to), r.memory(to)}
	for _, optional := range []func(*metric.Set) error{r.faults, r.pressure, r.nodeNetwork, r.nodeDisks, r.tasks} {
		if err := optional(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return reading, fmt.Errorf("read the numbers of the node: %w", err)
	}
	return reading, nil
}

// lookUp finds interfaces and disks again if that is due. A machine that boots has no network yet, so that one is looked for each time. It and
// the methods below are called with mu held.
func (r *Reader) lookUp() {
	now := r.now()
	d := now.Sub(r.lookedUp)
	due := d >= lookUpAgain || d < 0
	if due || len(r.interfaces) == 0 {
		r.interfaces = r.findInterfaces()
	}
	if due {
		devices, err := disk.Find(r.sys)
		if err != nil {
			r.logger.Debug("the disks are not known", "err", err)
		}
		r.devices, r.lookedUp = devices.Disks(), now
	}
}

func (r *Reader) cpu(to *metric.Set) error {
	data, err := r.read(r.proc, "stat")
	if err != nil {
		return err
	}
	s, err := parseStat(data)
	if err != nil {
		return fmt.Errorf("parse %s/stat: %w", r.proc, err)
	}
	s.put(to)
	return nil
}

func (r *Reader) memory(to *metric.Set) error {
	data, err := r.read(r.proc, "meminfo")
	if err != nil {
		return err
	}
	m, err := parseMeminfo(data)
	if err != nil {
		return fmt.Errorf("parse %s/meminfo: %w", r.proc, err)
	}
	m.put(to)
	return nil
}

func (r *Reader) faults(to *metric.Set) error {
	data, err := r.read(r.proc, "vmstat")
	if err == nil {
		putVMStat(data, to)
	}
	return err
}

func (r *Reader) pressure(to *metric.Set) error {
	for i := range pressureFiles {
		p := &pressureFiles[i]
		data, err := r.read(r.proc, "pressure", p.name)
		if errors.Is(err, syscall.EOPNOTSUPP) {
			return nil // booted with psi=0
		}
		if err != nil {
			return err
		}
		p.put(data, to)
	}
	return nil
}

// tasks sets how many tasks there are, and can be: the smaller one of two limits, as the kubelet has it.
func (r *Reader) tasks(to *metric.Set) error {
	data, err := r.read(r.proc, "loadavg")
	if err != nil {
		return err
	}
	if v, ok := parseLoadavg(data); ok {
		to.Put(metric.Processes, v)
	}
	limit := uint64(math.MaxUint64)
	for _, name := range []string{"pid_max", "threads-max"} {
		data, err := r.read(r.proc, "sys", "kernel", name)
		if err != nil {
			return err
		}
		if v, ok := kernel.ParseUint(bytes.TrimSpace(data)); ok {
			limit = min(limit, v)
		}
	}
	if limit != math.MaxUint64 {
		to.Put(metric.ProcessLimit, limit)
	}
	return nil
}

// parseLoadavg returns how many tasks there are: "0.12 0.08 0.05 2/437 9871" has 437.
func parseLoadavg(data []byte) (uint64, bool) {
	fields := strings.Fields(string(data))
	if len(fields) < 4 {
		return 0, false
	}
	_, all, ok := strings.Cut(fields[3], "/")
	if !ok {
		return 0, false
	}
	return kernel.ParseUint([]byte(all))
}
