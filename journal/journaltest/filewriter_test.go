// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journalfile/compress"
)

// journalctl runs it on one file.
func journalctl(t *testing.T, path string, args ...string) []byte {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd := exec.Command("journalctl", append([]string{"--file=" + path, "--no-pager"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Errorf("journalctl %v: %v: %s", args, err, stderr.Bytes())
	}
	return out.Bytes()
}

// verify lets journalctl check the file. It refuses sealed ones without their key.
func verify(t *testing.T, path string) {
	t.Helper()
	out, err := exec.Command("journalctl", "--verify", "--quiet", "--file="+path).CombinedOutput()
	if err != nil && !bytes.Contains(out, []byte("(Required key not available)")) {
		t.Errorf("journalctl --verify %s: %v: %s", path, err, out)
	}
}

// parseExport reads the export format into one list of lines for each entry, without the
// fields that journalctl adds but __REALTIME_TIMESTAMP and __MONOTONIC_TIMESTAMP.
func parseExport(t *testing.T, b []byte) [][]string {
	t.Helper()
	var entries [][]string
	var entry []string
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		b = rest
		switch {
		case len(line) == 0:
			slices.Sort(entry)
			entries = append(entries, entry)
			entry = nil
		case bytes.HasPrefix(line, []byte("__CURSOR=")) || bytes.HasPrefix(line, []byte("__SEQNUM")):
		case bytes.Contains(line, []byte("=")):
			entry = append(entry, string(line))
		default:
			if len(b) < 9 || uint64(len(b)) < binary.LittleEndian.Uint64(b)+9 {
				t.Fatalf("export format ends in a value of %s", line)
			}
			n := binary.LittleEndian.Uint64(b)
			entry = append(entry, string(line)+"="+string(b[8:8+n]))
			b = b[9+n:]
		}
	}
	return entries
}

// wantExport is what parseExport should return.
func wantExport(entries []Entry, bootField bool) [][]string {
	all := make([][]string, 0, len(entries))
	for i := range entries {
		e := &entries[i]
		lines := []string{
			fmt.Sprintf("__REALTIME_TIMESTAMP=%d", e.Realtime),
			fmt.Sprintf("__MONOTONIC_TIMESTAMP=%d", e.Monotonic),
			"_BOOT_ID=" + e.BootID.String(),
		}
		if !bootField {
			lines = append(lines, "_BOOT_ID="+e.BootID.String())
		}
		for _, f := range e.Fields {
			lines = append(lines, f.Name+"="+string(f.Value))
		}
		slices.Sort(lines)
		all = append(all, slices.Compact(lines))
	}
	return all
}

func TestVariants(t *testing.T) {
	t.Parallel()
	entries := mixed(700)
	for _, v := range Variants() {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "system.journal")
			if err := WriteFile(path, v.Options, entries); err != nil {
				t.Fatal(err)
			}
			if err := journalfile.Verify(t.Context(), path); err != nil {
				t.Errorf("Verify: %v", err)
			}
			verify(t, path)
			got := parseExport(t, journalctl(t, path, "--output=export", "--all"))
			if diff := cmp.Diff(wantExport(entries, !v.Options.NoBootField), got); diff != "" {
				t.Errorf("journalctl reads other entries (-want +got):\n%.2000s", diff)
			}
			checkHeader(t, path, v.Options)
		})
	}
}

// checkHeader compares what journalctl says about the file with the options.
func checkHeader(t *testing.T, path string, o FileOptions) {
	t.Helper()
	text := string(journalctl(t, path, "--header"))
	lines := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		lines[key] = strings.TrimSpace(value)
	}
	for flag, want := range map[string]bool{
		"COMPRESSED-XZ": o.Compression == compress.XZ, "COMPRESSED-LZ4": o.Compression == compress.LZ4,
		"COMPRESSED-ZSTD": o.Compression == compress.ZSTD, "KEYED-HASH": !o.Unkeyed, "COMPACT": !o.Regular,
	} {
		if got := strings.Contains(lines["Incompatible flags"], flag); got != want {
			t.Errorf("flag %s = %v, want %v", flag, got, want)
		}
	}
	want := map[string]string{
		"File ID": o.FileID.String(), "Sequential number ID": o.SeqnumID.String(), "Machine ID": o.MachineID.String(),
		"State": o.State.String(), "Header size": fmt.Sprint(max(o.HeaderSize, 208)), "Compatible flags": "",
	}
	if o.HeaderSize == 0 {
		want["Header size"] = "264"
	}
	if o.Sealed {
		want["Compatible flags"] = "SEALED"
	}
	for key, value := range want {
		if lines[key] != value {
			t.Errorf("%s: %q, want %q", key, lines[key], value)
		}
	}
	if o.DataBuckets == 3 && lines["Deepest data hash chain"] < "1" {
		t.Errorf("Deepest data hash chain: %s", lines["Deepest data hash chain"])
	}
}

// TestLikeRemote: files of the same entries by systemd-journal-remote read the same, cursors and order of fields included.
func TestLikeRemote(t *testing.T) {
	t.Parallel()
	entries := mixed(500)
	for name, o := range map[string]FileOptions{
		"compact": {Compression: compress.ZSTD},
		"regular": {Compression: compress.XZ, Regular: true},
		"unkeyed": {Compression: compress.LZ4, Regular: true, Unkeyed: true, HeaderSize: 208},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.SeqnumID = id(0xc0)
			dir := t.TempDir()
			ours, theirs := filepath.Join(dir, "ours.journal"), filepath.Join(dir, "theirs.journal")
			if err := WriteFile(ours, o, entries); err != nil {
				t.Fatal(err)
			}
			Write(t, theirs, Options{Regular: o.Regular, Unkeyed: o.Unkeyed, SeqnumID: o.SeqnumID}, entries)
			want, got := journalctl(t, theirs, "-o", "export", "--all"), journalctl(t, ours, "-o", "export", "--all")
			if !bytes.Equal(want, got) {
				t.Errorf("export differs (-remote +ours):\n%.2000s", cmp.Diff(string(want), string(got)))
			}
		})
	}
}

// TestGrowing: an online file is good after each entry.
func TestGrowing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "system.journal")
	w, err := Create(path, FileOptions{Compression: compress.ZSTD, Increase: 4096, DataBuckets: 31, FieldBuckets: 7})
	if err != nil {
		t.Fatal(err)
	}
	entries := mixed(150)
	for i := range entries {
		if err := w.Append(&entries[i]); err != nil {
			t.Fatal(err)
		}
		if err := w.Notify(); err != nil {
			t.Fatal(err)
		}
		if err := journalfile.Verify(t.Context(), path); err != nil {
			t.Fatalf("after entry %d: %v", i, err)
		}
	}
	if h, err := journalfile.ReadHeader(path); err != nil || h.State != journalfile.StateOnline || h.Entries != uint64(len(entries)) {
		t.Errorf("header of the growing file: %+v, %v", h, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	verify(t, path)
}

func TestBadOptions(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "system.journal")
	for _, o := range []FileOptions{{HeaderSize: 200}, {HeaderSize: 280}, {HeaderSize: 209}, {Increase: 3}} {
		if _, err := Create(path, o); err == nil {
			t.Errorf("Create(%+v): no error", o)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was created")
	}
	if err := WriteFile(path, FileOptions{}, []Entry{{Fields: []journal.Field{F("", "x")}}}); err == nil {
		t.Error("a field without name was written")
	}
}

func BenchmarkFileWriter(b *testing.B) {
	entries := plain(10_000, id(0xb1))
	for _, name := range []string{"compact-zstd", "unkeyed-lz4"} {
		b.Run(name, func(b *testing.B) {
			for _, v := range Variants() {
				if v.Name != name {
					continue
				}
				for b.Loop() {
					if err := WriteFile(filepath.Join(b.TempDir(), "x.journal"), v.Options, entries); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.N*len(entries))/b.Elapsed().Seconds(), "entries/s")
		})
	}
}
