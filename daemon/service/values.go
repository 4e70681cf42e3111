// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"bytes"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/noded/noded/daemon/audit"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
)

// valueBatcher collects field values and sends them in batches. It belongs to one goroutine.
type valueBatcher struct {
	node   string
	limits Limits
	call   *audit.Call
	send   func(*nodedv1.ListFieldValuesResponse) error

	values   [][]byte
	size     int
	tooLarge int
}

func (v *valueBatcher) add(value []byte) error {
	size := len(value) + fieldOverhead
	if size > v.limits.MaxRecordBytes {
		v.tooLarge++
		return nil
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

func (v *valueBatcher) flush() error {
	if len(v.values) == 0 {
		return nil
	}
	err := v.send(&nodedv1.ListFieldValuesResponse{Node: v.node, Values: v.values})
	v.call.AddRecords(len(v.values))
	clear(v.values)
	v.values, v.size = v.values[:0], 0
	return err
}

// finish sends the rest. Values that were too large are told by the status.
func (v *valueBatcher) finish() error {
	if err := v.flush(); err != nil {
		return err
	}
	if v.tooLarge > 0 {
		return status.Errorf(codes.ResourceExhausted, "%d values are larger than limits.max_record_bytes, %d, and were left out", v.tooLarge, v.limits.MaxRecordBytes)
	}
	return nil
}
