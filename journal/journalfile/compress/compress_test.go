// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package compress_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"

	"github.com/noded/noded/journal/journalfile/compress"
)

var kinds = map[string]compress.Kind{".xz": compress.XZ, ".zst": compress.ZSTD, ".lz4": compress.LZ4}

// lines is what the files of testdata hold.
func lines() []byte {
	var text []byte
	for i := range 400 {
		text = fmt.Appendf(text, "MESSAGE=the quick brown fox jumps over the lazy dog %d\n", i)
	}
	return text
}

// encode compresses with the libraries' encoders.
func encode(t testing.TB, k compress.Kind, data []byte) []byte {
	t.Helper()
	switch k {
	case compress.ZSTD:
		w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		return w.EncodeAll(data, nil)
	case compress.LZ4:
		out := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
		block := make([]byte, lz4.CompressBlockBound(len(data)))
		n, err := lz4.CompressBlock(data, block, nil)
		if err != nil {
			t.Fatal(err)
		}
		return append(out, block[:n]...)
	case compress.XZ:
		var out bytes.Buffer
		w, err := xz.WriterConfig{DictCap: 1 << 20}.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	default:
		return data
	}
}

func TestReferenceEncoders(t *testing.T) {
	t.Parallel()
	want := lines()
	paths, err := filepath.Glob("testdata/*.[xzl]*")
	if err != nil || len(paths) < 9 {
		t.Fatalf("testdata: %d files, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			checkAll(t, kinds[filepath.Ext(path)], src, want)
		})
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	random := make([]byte, 300_000)
	r := rand.NewChaCha8([32]byte{1})
	if _, err := r.Read(random); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"one byte": {'x'},
		"lines":    lines(),
		"zeros":    make([]byte, 3<<20),
		"random":   random,
		"both":     append(bytes.Repeat([]byte("abc"), 200_000), random...),
	} {
		for _, k := range []compress.Kind{compress.None, compress.XZ, compress.LZ4, compress.ZSTD} {
			t.Run(fmt.Sprintf("%s/%v", name, k), func(t *testing.T) {
				t.Parallel()
				checkAll(t, k, encode(t, k, data), data)
			})
		}
	}
}

// checkAll decodes src with all limits that matter.
func checkAll(t *testing.T, k compress.Kind, src, want []byte) {
	t.Helper()
	var d compress.Decoder
	defer d.Close()
	for _, limit := range []int{len(want), len(want) + 1, 10 << 20} {
		got, err := d.Append([]byte("before"), k, src, limit)
		if err != nil {
			t.Fatalf("Append with limit %d: %v", limit, err)
		}
		if !bytes.Equal(got, append([]byte("before"), want...)) {
			t.Fatalf("Append with limit %d: %d bytes, want %d", limit, len(got), len(want)+6)
		}
	}
	for _, limit := range []int{0, len(want) / 2, len(want) - 1} {
		if got, err := d.Append([]byte("before"), k, src, limit); !errors.Is(err, compress.ErrTooLarge) || string(got) != "before" {
			t.Errorf("Append with limit %d of %d = %d bytes, %v, want ErrTooLarge", limit, len(want), len(got), err)
		}
	}
	for _, n := range []int{0, 1, 10, 100, 4096, 130_000, 140_000, len(want) - 1, len(want), len(want) + 1, 5 << 20} {
		got, err := d.Prefix([]byte("before"), k, src, n)
		if err != nil {
			t.Errorf("Prefix of %d: %v", n, err)
		} else if !bytes.Equal(got, append([]byte("before"), want[:min(n, len(want))]...)) {
			t.Errorf("Prefix of %d: wrong, %d bytes", n, len(got))
		}
	}
	for _, cut := range []int{len(src) / 2, len(src) / 3, 1, 0} {
		if k == compress.None {
			break
		}
		if got, err := d.Append(nil, k, src[:cut], 10<<20); !errors.Is(err, compress.ErrCorrupt) || got != nil {
			t.Errorf("Append of %d bytes of %d = %d bytes, %v, want ErrCorrupt", cut, len(src), len(got), err)
		}
	}
}

// TestTrailer: what follows the frame is not decoded, as in systemd.
func TestTrailer(t *testing.T) {
	t.Parallel()
	want := lines()
	for _, k := range []compress.Kind{compress.XZ, compress.ZSTD} {
		src := encode(t, k, want)
		var d compress.Decoder
		for _, trailer := range []string{string(src), "trailer"} {
			got, err := d.Append(nil, k, append(src[:len(src):len(src)], trailer...), len(want))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%v: Append = %d bytes, %v, want %d", k, len(got), err, len(want))
			}
		}
		d.Close()
	}
}

func TestUnknownKind(t *testing.T) {
	t.Parallel()
	var d compress.Decoder
	if _, err := d.Append(nil, 9, []byte("x"), 10); !errors.Is(err, compress.ErrCorrupt) {
		t.Errorf("Append of an unknown kind: %v, want ErrCorrupt", err)
	}
	if _, err := d.Prefix(nil, 9, []byte("x"), 10); !errors.Is(err, compress.ErrCorrupt) {
		t.Errorf("Prefix of an unknown kind: %v, want ErrCorrupt", err)
	}
}

func BenchmarkAppend(b *testing.B) {
	for size, data := range map[string][]byte{"600B": lines()[:600], "20KiB": lines()} {
		for _, k := range []compress.Kind{compress.XZ, compress.LZ4, compress.ZSTD} {
			b.Run(fmt.Sprintf("%v/%s", k, size), func(b *testing.B) {
				src := encode(b, k, data)
				var d compress.Decoder
				defer d.Close()
				var dst []byte
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for b.Loop() {
					var err error
					if dst, err = d.Append(dst[:0], k, src, 1<<20); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
