// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"bytes"
	"context"

	"github.com/noded/noded/daemon/audit"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
)

// omittedValues is the trailer of ListFieldValues with the number of values that were too large to be sent. What could
// be listed has arrived by then: the call has not failed.
const omittedValues = "noded-omitted-values"

// valueBatcher collects field values and sends them in batches. It belongs to one goroutine.
type valueBatcher struct {
	ctx    context.Context
	node   string
	limits Limits
	call   *audit.Call
	large  *large
	send   func(*nodedv1.ListFieldValuesResponse) error

	values [][]byte
	size   int
	// omitted counts the values that are larger than a record can be.
	omitted int
}

func (v *valueBatcher) add(value []byte) error {
	size := len(value) + wire.FieldOverhead
	if size > v.limits.MaxRecordBytes {
		v.omitted++
		return nil
	}
	if size > largeBytes {
		return v.sendLarge(value, size)
	}
	if v.size+size > v.limits.MaxBatchBytes {
		if err := v.flush(); err != nil {
			return err
		}
	}
	v.values = append(v.values, bytes.Clone(value))
	v.size += size
	return nil
}

// sendLarge sends a value by itself. The empty message after it waits until the transport has written it.
func (v *valueBatcher) sendLarge(value []byte, size int) error {
	if err := v.flush(); err != nil {
		return err
	}
	return v.large.do(v.ctx, size, func() error {
		v.values = append(v.values, value)
		if err := v.flush(); err != nil {
			return err
		}
		return v.send(&nodedv1.ListFieldValuesResponse{Node: v.node})
	})
}

// flush sends what was collected.
func (v *valueBatcher) flush() error {
	if len(v.values) == 0 {
		return nil
	}
	err := v.send(&nodedv1.ListFieldValuesResponse{Node: v.node, Values: v.values})
	if err == nil {
		v.call.AddRecords(len(v.values))
	}
	clear(v.values)
	v.values, v.size = v.values[:0], 0
	return err
}
