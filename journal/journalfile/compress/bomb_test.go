// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package compress_test

import (
	"errors"
	"runtime/metrics"
	"slices"
	"testing"
	"time"

	"github.com/noded/noded/journal/journalfile/compress"
	"github.com/noded/noded/journal/journaltest"
)

// allocated is how many bytes were ever allocated.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// TestBombs measures what the whole process allocates, and so does not run beside others.
func TestBombs(t *testing.T) { //nolint:paralleltest // see above
	const limit = 1 << 20
	// Those that are only too large give ErrTooLarge, as do some lying ones that say so.
	tooLarge := []string{"zstd, greater size", "zstd, huger window"}
	damaged := []string{"zstd, small size", "xz, small size", "xz, odd dictionary"}
	for name, bomb := range journaltest.Bombs(t) {
		want := compress.ErrTooLarge
		if bomb.Lying && !slices.Contains(tooLarge, name) {
			want = compress.ErrCorrupt
		}
		t.Run(name, func(t *testing.T) {
			var d compress.Decoder
			defer d.Close()
			for _, call := range []struct {
				name string
				f    func() ([]byte, error)
			}{
				{"Append", func() ([]byte, error) { return d.Append(nil, bomb.Kind, bomb.Payload, limit) }},
				{"Prefix", func() ([]byte, error) { return d.Prefix(nil, bomb.Kind, bomb.Payload, limit) }},
			} {
				before, begin := allocated(), time.Now()
				got, err := call.f()
				if call.name == "Append" && (!errors.Is(err, want) || got != nil) {
					t.Errorf("Append = %d bytes, %v, want %v", len(got), err, want)
				}
				if call.name == "Prefix" && (err != nil) != slices.Contains(damaged, name) {
					t.Errorf("Prefix = %d bytes, %v", len(got), err)
				}
				if n := allocated() - before; n > 2*limit+8<<20 {
					t.Errorf("%s allocated %d bytes", call.name, n)
				}
				if took := time.Since(begin); took > 30*time.Second { // on a busy machine
					t.Errorf("%s took %v", call.name, took)
				}
			}
		})
	}
}
