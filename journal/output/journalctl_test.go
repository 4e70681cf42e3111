// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/catalog"
	"github.com/noded/noded/journal/output"
)

// remotePath is the program of systemd that writes journal files from the export format.
const remotePath = "/lib/systemd/systemd-journal-remote"

// writeJournal writes entries to a journal file and returns it, and the entries as records.
func writeJournal(t *testing.T, entries []sampleEntry) (file string, records []*journal.Record) {
	t.Helper()
	for _, tool := range []string{remotePath, "journalctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is missing: %v", tool, err)
			}
			t.Skipf("compares with systemd's own tools: %v", err)
		}
	}
	file = filepath.Join(t.TempDir(), "sample.journal")
	cmd := exec.Command(remotePath, "--output="+file, "-")
	cmd.Stdin = bytes.NewReader(exportText(entries))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("write %s: %v: %s", file, err, out)
	}
	records, err := readReference(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(records) != len(entries) {
		t.Fatalf("%s has %d records, want %d", file, len(records), len(entries))
	}
	return file, records
}

// sampleEntry is an entry of the sample journal: its fields as name and value in turn.
type sampleEntry struct {
	boot      byte
	monotonic uint64
	fields    []string
}

// exportText encodes entries, a second apart.
func exportText(entries []sampleEntry) []byte {
	var b []byte
	for i, e := range entries {
		n := uint64(i + 1)
		monotonic := e.monotonic
		if monotonic == 0 {
			monotonic = 5000000 + n*1000003
		}
		b = fmt.Appendf(b, "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%s\n",
			1700000000000000+n*1000001, monotonic, strings.Repeat(string(e.boot), 32))
		for k := 0; k < len(e.fields); k += 2 {
			b = append(b, e.fields[k]...)
			if e.fields[k+1] == "" {
				b = append(b, "=\n"...) // systemd-journal-remote drops empty values with a length
				continue
			}
			b = append(b, '\n')
			b = binary.LittleEndian.AppendUint64(b, uint64(len(e.fields[k+1])))
			b = append(b, e.fields[k+1]...)
			b = append(b, '\n')
		}
		b = append(b, '\n')
	}
	return b
}

// readReference reads the records of a file from what journalctl exports. Export leaves the boot id
// field out, verbose tells where it stands.
func readReference(file string) ([]*journal.Record, error) {
	export, err := journalctl(nil, "--file", file, "-o", "export")
	if err != nil {
		return nil, err
	}
	records, err := parseExport(export)
	if err != nil {
		return nil, err
	}
	verbose, err := journalctl(nil, "--file", file, "-o", "verbose", "-q")
	if err != nil {
		return nil, err
	}
	record, position := -1, 0
	for line := range strings.SplitSeq(string(verbose), "\n") {
		name, _, ok := strings.Cut(strings.TrimPrefix(line, "    "), "=")
		switch {
		case !strings.HasPrefix(line, " ") && strings.Contains(line, " [s="):
			record++
			position = 0
		case !ok || !strings.HasPrefix(line, "    ") || !journal.ValidFieldName(name):
		case name == "_BOOT_ID":
			r := records[record]
			field := journal.Field{Name: name, Value: []byte(r.BootID.String())}
			r.Fields = append(r.Fields[:position:position], append([]journal.Field{field}, r.Fields[position:]...)...)
		default:
			position++
		}
	}
	return records, nil
}

// parseExport reads records of the Journal Export Format.
func parseExport(b []byte) ([]*journal.Record, error) {
	var records []*journal.Record
	r := &journal.Record{}
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		b = rest
		if len(line) == 0 {
			records = append(records, r)
			r = &journal.Record{}
			continue
		}
		name, value, ok := bytes.Cut(line, []byte("="))
		if !ok {
			n := binary.LittleEndian.Uint64(b)
			value = b[8 : 8+n]
			b = b[8+n+1:]
		}
		switch string(name) {
		case "__CURSOR":
			h, err := journal.Cursor(value).Parse()
			if err != nil {
				return nil, err
			}
			r.Header = h
		case "__REALTIME_TIMESTAMP", "__MONOTONIC_TIMESTAMP", "_BOOT_ID":
		default:
			r.Fields = append(r.Fields, journal.Field{Name: string(name), Value: bytes.Clone(value)})
		}
	}
	return records, nil
}

// journalctl runs the real one.
func journalctl(env []string, args ...string) ([]byte, error) {
	cmd := exec.Command("journalctl", append([]string{"--no-pager"}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "SYSTEMD_LOG_LEVEL=err")
	cmd.Env = append(cmd.Env, env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("journalctl %s: %w: %s", args, err, stderr.String())
	}
	return out, nil
}

// render prints records with ours, separators between boots included.
func render(t testing.TB, o output.Options, records []*journal.Record) []byte {
	t.Helper()
	var b bytes.Buffer
	p := output.New(&b, o)
	var boot journal.ID128
	for _, r := range records {
		if !boot.IsZero() && boot != r.BootID {
			if err := p.Boot(r.BootID); err != nil {
				t.Fatal(err)
			}
		}
		boot = r.BootID
		if err := p.Print(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestJournalctl compares every mode with the real journalctl, byte by byte.
func TestJournalctl(t *testing.T) {
	t.Parallel()
	file, records := writeJournal(t, sampleEntries())
	variants := []struct {
		name string
		args []string
		env  []string
		set  func(o *output.Options)
	}{
		{name: "plain"},
		{name: "all", args: []string{"-a"}, set: func(o *output.Options) { o.All = true }},
		{name: "utc", args: []string{"--utc"}, env: []string{"TZ=Asia/Kolkata"}, set: func(o *output.Options) { o.UTC = true }},
		{name: "zone", env: []string{"TZ=America/St_Johns"}, set: func(o *output.Options) { o.Location = location(t, "America/St_Johns") }},
		{name: "no-hostname", args: []string{"--no-hostname"}, set: func(o *output.Options) { o.NoHostname = true }},
		{name: "color", env: []string{"SYSTEMD_COLORS=1", "SYSTEMD_URLIFY=0"}, set: func(o *output.Options) { o.Color = true }},
		{name: "fields", args: []string{"--output-fields=FOO,MESSAGE,_PID"}, set: func(o *output.Options) {
			o.OutputFields = []string{"FOO", "MESSAGE", "_PID"}
		}},
		{name: "one-field", args: []string{"--output-fields=FOO"}, set: func(o *output.Options) { o.OutputFields = []string{"FOO"} }},
		{name: "color-all", args: []string{"-a"}, env: []string{"SYSTEMD_COLORS=1", "SYSTEMD_URLIFY=0"}, set: func(o *output.Options) { o.Color, o.All = true, true }},
		{name: "catalog", args: []string{"-x"}, set: func(o *output.Options) { o.Catalog = true }},
		{name: "catalog-color", args: []string{"-x"}, env: []string{"SYSTEMD_COLORS=1", "SYSTEMD_URLIFY=0"}, set: func(o *output.Options) { o.Catalog, o.Color = true, true }},
	}
	for width := 20; width <= 120; width += 9 {
		variants = append(variants, struct {
			name string
			args []string
			env  []string
			set  func(o *output.Options)
		}{
			name: "no-full-" + strconv.Itoa(width), args: []string{"--no-full"}, env: []string{"COLUMNS=" + strconv.Itoa(width)},
			set: func(o *output.Options) { o.NoFull, o.Width = true, width },
		})
	}
	explained := explain(t, records)
	for _, v := range variants {
		for _, name := range output.Modes() {
			if v.name == "fields" && name == "cat" {
				continue // journalctl prints them in the order of a hash table
			}
			t.Run(v.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				mode, err := output.ParseMode(name)
				if err != nil {
					t.Fatal(err)
				}
				o := output.Options{Mode: mode}
				if v.set != nil {
					v.set(&o)
				}
				env := append([]string{"TZ=UTC", "COLUMNS=80"}, v.env...)
				want, err := journalctl(env, append([]string{"--file", file, "-o", name}, v.args...)...)
				if err != nil {
					t.Fatal(err)
				}
				if o.Location == nil {
					o.Location = location(t, "UTC")
				}
				got := render(t, o, masked(explained, o.Fields()))
				compare(t, mode, got, want)
			})
		}
	}
}

// compare compares text by bytes and JSON by value and line structure.
func compare(t *testing.T, mode output.Mode, got, want []byte) {
	t.Helper()
	switch mode {
	case output.JSON, output.JSONPretty, output.JSONSSE, output.JSONSeq:
		if g, w := structure(mode, got), structure(mode, want); g != w {
			t.Errorf("structure differs (-journalctl +ours):\n%s", cmp.Diff(w, g))
		}
		if diff := cmp.Diff(objects(t, want), objects(t, got)); diff != "" {
			t.Errorf("objects differ (-journalctl +ours):\n%.4000s", diff)
		}
	default:
		if !bytes.Equal(got, want) {
			g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
			t.Errorf("output differs (-journalctl +ours):\n%.4000s", cmp.Diff(w, g))
		}
	}
}

// structure returns what is left of JSON output without the members, whose order differs: for each line
// its first and last character, or for json-pretty the number of lines of each indentation.
func structure(mode output.Mode, b []byte) string {
	b = stripSGR(b)
	var s strings.Builder
	if mode == output.JSONPretty {
		counts := map[string]int{}
		for line := range bytes.Lines(b) {
			trimmed := bytes.TrimLeft(line, "\t")
			counts[fmt.Sprintf("%d%c", len(line)-len(trimmed), trimmed[0])]++
		}
		return fmt.Sprint(counts)
	}
	for line := range bytes.Lines(b) {
		head, _, _ := bytes.Cut(line, []byte("{"))
		fmt.Fprintf(&s, "%q %q\n", head, line[max(0, len(line)-2):])
	}
	return s.String()
}

// stripSGR removes colours.
func stripSGR(b []byte) []byte {
	return regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAll(b, nil)
}

// objects parses JSON output.
func objects(t *testing.T, b []byte) []map[string]any {
	t.Helper()
	b = stripSGR(b)
	b = regexp.MustCompile("(?m)^(\x1e|data: )").ReplaceAll(b, nil)
	var all []map[string]any
	d := json.NewDecoder(bytes.NewReader(b))
	for {
		var object map[string]any
		err := d.Decode(&object)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatalf("decode object %d: %v", len(all), err)
		}
		all = append(all, object)
	}
}

// masked returns the records with only the fields of the mask, as a reader delivers them.
func masked(records []*journal.Record, mask journal.Mask) []*journal.Record {
	out := make([]*journal.Record, len(records))
	for i, r := range records {
		c := *r
		c.Fields = nil
		for _, f := range r.Fields {
			if mask.Has(f.Name) {
				c.Fields = append(c.Fields, f)
			}
		}
		out[i] = &c
	}
	return out
}

// explain returns the records with the texts of the machine's catalog.
func explain(t *testing.T, records []*journal.Record) []*journal.Record {
	t.Helper()
	c, err := catalog.Open(catalog.DefaultPath)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]*journal.Record, len(records))
	for i, r := range records {
		copied := *r
		if v, ok := r.Get("MESSAGE_ID"); ok {
			if id, err := journal.ParseID128(string(v)); err == nil {
				copied.Catalog, _ = c.Text(id, "", func(field string) (string, bool) {
					value, ok := r.Get(field)
					return string(value), ok
				})
			}
		}
		out[i] = &copied
	}
	return out
}
