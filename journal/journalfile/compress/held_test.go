// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package compress_test

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/noded/noded/journal/journalfile/compress"
)

// TestLargeValueIsLetGo: a Decoder that waits for the next value does not hold on to a large one.
func TestLargeValueIsLetGo(t *testing.T) {
	t.Parallel()
	value := make([]byte, 4<<20)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range value {
		value[i] = byte('0' + random.IntN(10))
	}
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	packed := w.EncodeAll(value, nil)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var d compress.Decoder
	defer d.Close()
	freed := make(chan struct{})
	func() {
		out, err := d.Append(nil, compress.ZSTD, packed, len(value))
		if err != nil {
			t.Fatal(err)
		}
		runtime.AddCleanup(&out[0], func(c chan struct{}) { close(c) }, freed)
	}()
	runtime.GC()
	select {
	case <-freed:
	case <-time.After(5 * time.Second):
		t.Error("the value is still held")
	}
	if _, err := d.Append(nil, compress.ZSTD, packed, len(value)); err != nil {
		t.Errorf("the next value: %v", err)
	}
}
