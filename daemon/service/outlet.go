// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"fmt"

	"github.com/noded/noded/daemon/audit"
)

// Limits bound what one call can send.
type Limits struct {
	MaxRecordBytes, MaxBatchBytes, MaxPatternBytes int
}

// tooLarge reports whether a record of so many bytes cannot be sent, with a sentence about it.
func (l *Limits) tooLarge(size int) (detail string, is bool) {
	if size <= l.MaxRecordBytes {
		return "", false
	}
	return fmt.Sprintf("a record of %d bytes; limits.max_record_bytes is %d", size, l.MaxRecordBytes), true
}

// outlet is what batchers of all kinds of records have in common. It belongs to one goroutine.
type outlet[M any] struct {
	ctx    context.Context
	node   string
	limits Limits
	call   *audit.Call
	large  *large
	// send may keep nothing of the message when it returns.
	send func(*M) error
	due  *due
}

// batch sends a message that has so many records.
func (o *outlet[M]) batch(m *M, records int) error {
	err := o.send(m)
	if err == nil {
		o.call.AddRecords(records)
	}
	o.due.sent()
	return err
}
