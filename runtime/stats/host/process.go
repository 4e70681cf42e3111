// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

var errNoStart = errors.New("no start time")

// StartTime returns when a process began, since the boot, in steps of 10 ms. Another process that has got the same pid since has
// another one. A process that is gone is an fs.ErrNotExist.
func (r *Reader) StartTime(pid int) (time.Duration, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	data, err := r.read(r.proc, strconv.Itoa(pid), "stat")
	if err != nil {
		return 0, fmt.Errorf("read the start of process %d: %w", pid, gone(err))
	}
	start, err := parseStartTime(data)
	if err != nil {
		return 0, fmt.Errorf("read the start of process %d: %w", pid, err)
	}
	return start, nil
}

// parseStartTime reads field 22 of /proc/PID/stat; see proc_pid_stat(5). The second field is the command in parentheses, in which there
// can be anything, also parentheses and newlines; after it there are only numbers and a letter.
func parseStartTime(data []byte) (time.Duration, error) {
	end := bytes.LastIndexByte(data, ')')
	if end < 0 {
		return 0, errNoStart
	}
	rest := data[end+1:]
	var field []byte
	for range 20 {
		field, rest = nextField(rest)
	}
	v, ok := parseUint(field)
	if !ok || len(rest) == 0 || v > math.MaxInt64/uint64(tick) {
		return 0, errNoStart
	}
	return time.Duration(v) * tick, nil
}
