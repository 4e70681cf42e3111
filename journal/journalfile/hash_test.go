// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile

import (
	"testing"

	"github.com/noded/noded/journal"
)

// The vectors are those of the authors: appendix A of the SipHash paper, and driver5 of lookup3.c.
func TestHash(t *testing.T) {
	t.Parallel()
	var key journal.ID128
	message := make([]byte, 15)
	for i := range key {
		key[i] = byte(i)
	}
	for i := range message {
		message[i] = byte(i)
	}
	if got, want := sipHash(key, message), uint64(0xa129ca6149be45e5); got != want {
		t.Errorf("sipHash = %016x, want %016x", got, want)
	}
	for text, want := range map[string]uint64{
		"":                               0xdeadbeefdeadbeef,
		"Four score and seven years ago": 0x17770551ce7226e6,
	} {
		if got := jenkinsHash([]byte(text)); got != want {
			t.Errorf("jenkinsHash(%q) = %016x, want %016x", text, got, want)
		}
	}
}
