// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

// arena holds the bytes of a batch, so that each value does not need an allocation of its own. It is used again for the
// next batch.
type arena struct{ bytes []byte }

// copy copies a value into the arena. When it is full a new one begins; the values in the old one keep it alive
// until the batch is sent.
func (a *arena) copy(value []byte, maxBatchBytes int) []byte {
	if len(a.bytes)+len(value) > cap(a.bytes) {
		a.bytes = make([]byte, 0, max(4096, len(value), min(2*cap(a.bytes), maxBatchBytes)))
	}
	start := len(a.bytes)
	a.bytes = append(a.bytes, value...)
	return a.bytes[start:len(a.bytes):len(a.bytes)]
}

// empty makes ready for the next batch, when this one has been sent.
func (a *arena) empty(maxBatchBytes int) {
	if a.bytes = a.bytes[:0]; cap(a.bytes) > 2*maxBatchBytes {
		a.bytes = nil
	}
}
