// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
)

// LogMessage is what a client receives the messages of LogService.Read into, again and again, through Codec: the text of a
// compact batch is not copied, and the room of its columns is used again. The zero value is ready to use. It belongs
// to one goroutine.
type LogMessage struct {
	// Response is the message, valid until the next one is received.
	Response nodedv1.LogServiceReadResponse
	// data is the encoded message, which the text of Response is part of.
	data mem.Buffer
}

// Release lets go of the message.
func (m *LogMessage) Release() {
	proto.Reset(&m.Response)
	m.free()
}

func (m *LogMessage) free() {
	if m.data != nil {
		m.data.Free()
		m.data = nil
	}
}

// decode makes m the message that data is, and keeps data.
func (m *LogMessage) decode(data mem.Buffer) error {
	batch := m.empty()
	m.data = data
	encoded := data.ReadOnlyData()
	body, ok := onlyField(encoded, compactField)
	if !ok {
		return proto.Unmarshal(encoded, &m.Response)
	}
	m.Response.Event = &nodedv1.LogServiceReadResponse_Compact{Compact: batch}
	return decodeLogBatch(body, batch)
}

// empty empties the message and returns an empty batch, the one that it had if there was one.
func (m *LogMessage) empty() *nodedv1.LogCompactBatch {
	batch := m.Response.GetCompact()
	// Its text is part of what is freed now.
	if batch != nil {
		batch.Text = nil
	}
	proto.Reset(&m.Response)
	m.free()
	if batch == nil || roomOfLogs(batch) > keepBatchBytes {
		return new(nodedv1.LogCompactBatch)
	}
	emptyLogBatch(batch)
	return batch
}

// The numbers of LogServiceReadResponse.compact and LogCompactBatch.text.
const (
	compactField protowire.Number = 4
	textField    protowire.Number = 6
)

// onlyField returns the contents of the only field of a message, if it has the number and is of variable length.
func onlyField(message []byte, number protowire.Number) (body []byte, ok bool) {
	got, kind, n := protowire.ConsumeTag(message)
	if n < 0 || got != number || kind != protowire.BytesType {
		return nil, false
	}
	body, m := protowire.ConsumeBytes(message[n:])
	return body, m >= 0 && n+m == len(message)
}

// decodeLogBatch adds an encoded batch to an empty one, whose text is then part of encoded.
func decodeLogBatch(encoded []byte, batch *nodedv1.LogCompactBatch) error {
	options := proto.UnmarshalOptions{Merge: true}
	// What lies between the texts is decoded as it stands.
	begin, at := 0, 0
	for at < len(encoded) {
		number, kind, tag := protowire.ConsumeTag(encoded[at:])
		if tag < 0 {
			return fmt.Errorf("decode compact batch: %w", protowire.ParseError(tag))
		}
		size := protowire.ConsumeFieldValue(number, kind, encoded[at+tag:])
		if size < 0 {
			return fmt.Errorf("decode compact batch: %w", protowire.ParseError(size))
		}
		if number == textField && kind == protowire.BytesType {
			if err := options.Unmarshal(encoded[begin:at], batch); err != nil {
				return err
			}
			// The last one counts.
			text, _ := protowire.ConsumeBytes(encoded[at+tag:])
			batch.Text = text[:len(text):len(text)]
			begin = at + tag + size
		}
		at += tag + size
	}
	return options.Unmarshal(encoded[begin:], batch)
}
