// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package compress_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/noded/noded/journal/journalfile/compress"
)

// FuzzDecode: whatever the bytes are, the limits hold, and Prefix and Append agree.
func FuzzDecode(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.[xzl]*")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		src, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(kinds[filepath.Ext(path)]), src, 100)
	}
	for k := range byte(4) {
		f.Add(k, encode(f, compress.Kind(k), []byte("MESSAGE=hello")), 8)
		f.Add(k, make([]byte, 30), 8)
	}
	f.Fuzz(func(t *testing.T, kind byte, src []byte, n int) {
		const limit = 64 << 10
		k := compress.Kind(kind % 4)
		n %= limit + 1
		if n < 0 {
			n = -n
		}
		var d compress.Decoder
		defer d.Close()
		before := allocated()
		if fresh, err := d.Append(nil, k, src, limit); err == nil && len(fresh) > limit {
			t.Errorf("Append to nothing: %d bytes", len(fresh))
		}
		all, err := d.Append([]byte("-"), k, src, limit)
		if err != nil && !errors.Is(err, compress.ErrTooLarge) && !errors.Is(err, compress.ErrCorrupt) {
			t.Errorf("Append: %v", err)
		}
		if len(all) > limit+1 || err != nil && len(all) != 1 {
			t.Errorf("Append: %d bytes, limit %d, %v", len(all), limit, err)
		}
		prefix, prefixErr := d.Prefix([]byte("-"), k, src, n)
		if len(prefix) > n+1 {
			t.Errorf("Prefix: %d bytes of %d", len(prefix), n)
		}
		if err == nil && (prefixErr != nil || !bytes.Equal(prefix, all[:min(n+1, len(all))])) {
			t.Errorf("Prefix of %d: %d bytes, %v; Append: %d bytes", n, len(prefix), prefixErr, len(all))
		}
		if grown := allocated() - before; grown > 16<<20+2*uint64(len(src)) {
			t.Errorf("%d bytes allocated for %d", grown, len(src))
		}
	})
}

// FuzzRoundTrip: what the encoders write is decoded as it was.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("MESSAGE=hello"))
	f.Add(bytes.Repeat([]byte("ab"), 1000))
	f.Fuzz(func(t *testing.T, data []byte) {
		var d compress.Decoder
		defer d.Close()
		for k := range compress.ZSTD + 1 {
			if k == compress.XZ && len(data) == 0 || k == compress.LZ4 && len(data) == 0 {
				continue
			}
			got, err := d.Append(nil, k, encode(t, k, data), len(data))
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%v: %q, %v, want %q", k, got, err, data)
			}
		}
	})
}
