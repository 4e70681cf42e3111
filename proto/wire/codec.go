// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"math/bits"
	"sync"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
)

const (
	// maxPooledBytes is the size up to which buffers of messages are used again, and minPooledBytes that from which on.
	maxPooledBytes = 1 << 20
	minPooledBytes = 4 << 10
)

// Codec encodes messages as gRPC's own codec for protocol buffers does, for servers and clients of noded.v1. It differs
// in two ways, which are for streams of many batches: its buffers are not cleared, where gRPC clears a MiB for each; and a
// JournalServiceReadResponse that is received into again keeps the room of its compact batch, as does a LogMessage, which
// also takes the place of a LogServiceReadResponse. It is safe for concurrent use; use one for all calls.
type Codec struct {
	buffers bufferPool
}

var _ encoding.CodecV2 = (*Codec)(nil)

// Name implements encoding.CodecV2.
func (c *Codec) Name() string { return "proto" }

// Marshal implements encoding.CodecV2.
func (c *Codec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("encode message: %T is none", v)
	}
	// The size is kept in the message for the second step.
	size := proto.Size(m)
	options := proto.MarshalOptions{UseCachedSize: true}
	if size < minPooledBytes {
		data, err := options.Marshal(m)
		if err != nil {
			return nil, err
		}
		return mem.BufferSlice{mem.SliceBuffer(data)}, nil
	}
	buffer := c.buffers.Get(size)
	data, err := options.MarshalAppend((*buffer)[:0], m)
	if err != nil {
		c.buffers.Put(buffer)
		return nil, err
	}
	*buffer = data
	return mem.BufferSlice{mem.NewBuffer(buffer, &c.buffers)}, nil
}

// Unmarshal implements encoding.CodecV2.
func (c *Codec) Unmarshal(data mem.BufferSlice, v any) error {
	if m, ok := v.(*LogMessage); ok {
		return m.decode(data.MaterializeToBuffer(&c.buffers))
	}
	m, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("decode message: %T is none", v)
	}
	buffer := data.MaterializeToBuffer(&c.buffers)
	defer buffer.Free()
	options := proto.UnmarshalOptions{}
	if r, ok := m.(*nodedv1.JournalServiceReadResponse); ok {
		emptyResponse(r)
		options.Merge = true
	}
	return options.Unmarshal(buffer.ReadOnlyData(), m)
}

// emptyResponse empties a message, but keeps the room of its compact batch.
func emptyResponse(m *nodedv1.JournalServiceReadResponse) {
	compact, ok := m.GetEvent().(*nodedv1.JournalServiceReadResponse_Compact)
	if !ok || compact.Compact == nil || roomOf(compact.Compact) > keepBatchBytes {
		proto.Reset(m)
		return
	}
	if r := m.ProtoReflect(); len(r.GetUnknown()) > 0 {
		r.SetUnknown(nil)
	}
	emptyBatch(compact.Compact)
}

// bufferPool keeps buffers of messages; those of one stream are about of one size. What it returns holds what was in
// them before.
type bufferPool struct {
	pool sync.Pool
}

// Get implements mem.BufferPool.
func (p *bufferPool) Get(length int) *[]byte {
	if length <= maxPooledBytes {
		if b, ok := p.pool.Get().(*[]byte); ok && cap(*b) >= length {
			*b = (*b)[:length]
			return b
		}
		b := make([]byte, length, max(minPooledBytes, 1<<bits.Len(uint(length))))
		return &b
	}
	b := make([]byte, length)
	return &b
}

// Put implements mem.BufferPool.
func (p *bufferPool) Put(b *[]byte) {
	if cap(*b) >= minPooledBytes && cap(*b) <= 2*maxPooledBytes {
		p.pool.Put(b)
	}
}
