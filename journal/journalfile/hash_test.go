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
	if got, want := SipHash(key, message), uint64(0xa129ca6149be45e5); got != want {
		t.Errorf("SipHash = %016x, want %016x", got, want)
	}
	for text, want := range map[string]uint64{
		"":                               0xdeadbeefdeadbeef,
		"Four score and seven years ago": 0x17770551ce7226e6,
	} {
		if got := JenkinsHash([]byte(text)); got != want {
			t.Errorf("JenkinsHash(%q) = %016x, want %016x", text, got, want)
		}
	}
}
