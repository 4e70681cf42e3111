// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	kubelet "k8s.io/cri-client/pkg/logs"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/podlog"
	"github.com/noded/noded/runtime/safefs"
)

// The kubelet's own reader and podlog read the same file with the same options and must write the same bytes, as kubectl prints
// them. These are the rules for what differs for a reason:
//
//   - A line that is not in the format of the file is left out by the kubelet. We deliver it, marked as Unparsed, and so it is left
//     out here of what we write. If the first line is bad, or a stream has no name, the kubelet gives up; then nothing is compared.
//   - The format of a file is that of its first line, for the kubelet of those that it reads, for us by its first byte. Files that mix
//     formats, or begin with a bad line or a blank, are not compared.
//   - The last line is given by the kubelet although its newline is missing. For us it is not a line yet: it may be half
//     of one. Files are compared as far as their last newline.
//   - Lines that are split into pieces are joined by us, so that the order of the two streams differs where their pieces are
//     mixed: there each stream is compared by itself. The tail counts pieces for the kubelet, since looks at the time of each
//     piece, and the time is printed before a piece if the piece before it, of either stream, ended a line: with
//     pieces these are not compared.
//   - A line without a tag, which has two blanks after its stream, is a whole line for the kubelet and a bad one for us: not compared.
//   - Runs of NUL bytes, as crashes leave them, are a Gap for us and a bad line for the kubelet; its tail counts that line.
//   - Go's parser takes some times that RFC 3339 does not allow, such as those with a comma: not compared.
//   - With tail and since the kubelet takes the last lines and leaves out those before since; we take the last lines since
//     then. Where times never step back that is the same; elsewhere it is not compared.

// options are the options that both readers have.
type options struct {
	// tail is negative for none. limit is in bytes; negative for none.
	tail, limit int64
	since       time.Time
	timestamps  bool
	// only is the stream that is wanted; StreamUnknown for both.
	only podlog.Stream
}

func (o options) String() string {
	return fmt.Sprintf("tail %d, limit %d, since %v, timestamps %v, only %v", o.tail, o.limit, o.since, o.timestamps, o.only)
}

// output is what was written, by stream and in all.
type output struct {
	all, stdout, stderr bytes.Buffer
	unparsed            int
}

// both writes to two buffers.
type both struct{ all, one *bytes.Buffer }

func (b both) Write(p []byte) (int, error) {
	b.one.Write(p)
	return b.all.Write(p)
}

// readKubelet reads a file with the kubelet's reader.
func readKubelet(path string, o options) (*output, error) {
	out := new(output)
	ctx := logr.NewContext(context.Background(), logr.Discard())
	opts := &kubelet.LogOptions{Since: o.since, Timestamp: o.timestamps}
	if o.tail >= 0 {
		opts.TailLines = &o.tail
	}
	if o.limit >= 0 {
		opts.LimitBytes = &o.limit
	}
	stdout, stderr := both{&out.all, &out.stdout}, both{&out.all, &out.stderr}
	switch o.only {
	case podlog.Stdout:
		return out, kubelet.ReadLogs(ctx, path, "", opts, nil, stdout, nil)
	case podlog.Stderr:
		return out, kubelet.ReadLogs(ctx, path, "", opts, nil, nil, stderr)
	default:
		return out, kubelet.ReadLogs(ctx, path, "", opts, nil, stdout, stderr)
	}
}

// printer is a podlog.Sink that writes records as kubectl prints them.
type printer struct {
	output
	options
	// within says of each stream that its line goes on.
	within [3]bool
	gaps   []journal.Gap
	left   int64
}

var errEnough = errors.New("enough")

func (p *printer) Record(r *podlog.Record) error {
	if r.Unparsed {
		p.unparsed++
		return nil
	}
	var line []byte
	if p.timestamps && !p.within[r.Stream] {
		line = append(r.Timestamp().AppendFormat(line, kubelet.RFC3339NanoFixed), ' ')
	}
	p.within[r.Stream] = r.Partial
	line = append(line, r.Text...)
	if !r.Partial {
		line = append(line, '\n')
	}
	if p.limit >= 0 {
		line = line[:min(p.left, int64(len(line)))]
		p.left -= int64(len(line))
	}
	to := &p.stdout
	if r.Stream == podlog.Stderr {
		to = &p.stderr
	}
	both{&p.all, to}.Write(line)
	if p.limit >= 0 && p.left == 0 {
		return errEnough
	}
	return nil
}

func (p *printer) Gap(g journal.Gap) error {
	p.gaps = append(p.gaps, g)
	return nil
}

func (*printer) Progress(podlog.Progress) error { return nil }

func (*printer) Flush() error { return nil }

// readNoded reads the log of a directory with podlog.
func readNoded(root, dir string, o options) (*printer, error) {
	p := &printer{options: o, left: o.limit}
	logs := podlog.New(podlog.Config{Pods: safefs.NewRoot(root), Logger: discard()})
	q := podlog.NewQuery()
	q.Tail = o.tail
	if !o.since.IsZero() {
		since := o.since.UnixNano()
		q.Since = &since
	}
	if o.only != podlog.StreamUnknown {
		q.Filter.Streams = []podlog.Stream{o.only}
	}
	err := logs.Read(context.Background(), podlog.Fixed{target(dir, podlog.LayoutCRI)}, q, p)
	if errors.Is(err, errEnough) {
		err = nil
	}
	return p, err
}

// traits say what of a file can be compared.
type traits struct {
	// bad: it has lines that are left out. split: it has lines in pieces; mixed: of both streams at once.
	bad, split, mixed bool
	// ordered: times never step back. comparable is false if no comparison makes sense.
	ordered, comparable bool
}

var (
	strictTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$`)
	jsonTime   = regexp.MustCompile(`(?i)"time"\s*:\s*"([^"]*)"`)
)

// traitsOf looks at each line of a file by itself, with the kubelet's reader as the judge of what is a line.
func traitsOf(t testing.TB, content []byte) traits {
	t.Helper()
	path := filepath.Join(t.TempDir(), "one-line")
	content = content[:bytes.LastIndexByte(content, '\n')+1]
	out := traits{ordered: true, comparable: true}
	isJSON := 0 // 1 or -1 once it is known
	var last time.Time
	var open [2]bool
	for text := range bytes.Lines(content) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		read, err := readKubelet(path, options{tail: -1, limit: -1, timestamps: true})
		if err != nil {
			if strings.Contains(err.Error(), "unexpected stream type") {
				out.comparable = false
			}
			out.bad = true
			if isJSON == 0 {
				out.comparable = false
			}
			continue
		}
		kind := -1
		if strings.HasPrefix(strings.TrimLeft(string(text), " \t\r\n"), "{") {
			kind = 1
		}
		if isJSON == -kind || isJSON == 0 && kind == 1 && text[0] != '{' {
			out.comparable = false
		}
		isJSON = kind
		written, line, _ := strings.Cut(read.all.String(), " ")
		original, rest, _ := strings.Cut(string(text), " ")
		_, rest, _ = strings.Cut(rest, " ")
		if kind == -1 && strings.HasPrefix(rest, " ") {
			out.comparable = false
		}
		if kind == 1 {
			match := jsonTime.FindAllStringSubmatch(string(text), -1)
			if len(match) != 1 {
				out.comparable = false
				continue
			}
			original = match[0][1]
		}
		at, err := time.Parse(kubelet.RFC3339NanoFixed, written)
		if err != nil || !strictTime.MatchString(original) || at.Year() < 1970 || at.Year() > 2200 {
			out.comparable = false
			continue
		}
		out.ordered = out.ordered && !at.Before(last)
		last = at
		stream := 0
		if read.stderr.Len() > 0 {
			stream = 1
		}
		open[stream] = !strings.HasSuffix(line, "\n")
		// After an empty piece the kubelet prints the time again.
		out.mixed = out.mixed || line == ""
		out.split = out.split || !strings.HasSuffix(line, "\n")
		out.mixed = out.mixed || open[stream] && open[1-stream] || open[1-stream]
	}
	return out
}

// compareReaders compares both readers on a file with some options.
func compareReaders(t testing.TB, content []byte, f traits, o options) (compared bool) {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, podDir, containerName)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	whole := content[:bytes.LastIndexByte(content, '\n')+1]
	path := filepath.Join(dir, "0.log")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readNoded(root, podDir+"/"+containerName, o)
	if err != nil {
		t.Fatalf("%v: %v", o, err)
	}
	if len(got.gaps) > 0 && !bytes.Contains(content, []byte{0}) {
		t.Errorf("%v: gaps %+v", o, got.gaps[0])
	}
	if len(whole) == 0 {
		return false
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	want, err := readKubelet(path, o)
	switch {
	case err != nil || !f.comparable:
		return false
	case f.split && (o.tail >= 0 || o.limit >= 0 || o.timestamps && f.mixed || !o.since.IsZero()):
		return false
	case o.tail >= 0 && (!o.since.IsZero() && !f.ordered || o.only != podlog.StreamUnknown || bytes.Contains(whole, []byte("\n\x00"))):
		return false
	}
	pairs := []struct {
		name      string
		want, got *bytes.Buffer
	}{{"stdout", &want.stdout, &got.stdout}, {"stderr", &want.stderr, &got.stderr}, {"both streams", &want.all, &got.all}}
	if f.mixed {
		pairs = pairs[:2]
	}
	for _, p := range pairs {
		if !bytes.Equal(p.want.Bytes(), p.got.Bytes()) {
			t.Errorf("%v, %+v: %s differs\n%s", o, f, p.name, difference(p.want.Bytes(), p.got.Bytes()))
		}
	}
	return true
}

// difference shows where two texts begin to differ.
func difference(want, got []byte) string {
	at := 0
	for at < len(want) && at < len(got) && want[at] == got[at] {
		at++
	}
	from := max(0, at-60)
	return fmt.Sprintf("at byte %d of %d and %d\nkubelet: %q\nnoded:   %q", at, len(want), len(got), clip(want[from:]), clip(got[from:]))
}

func clip(b []byte) []byte { return b[:min(len(b), 300)] }

// sample makes a file of some kind.
func sample(random *rand.Rand, json bool) []byte {
	var b []byte
	truth := NewTruth()
	at := time.Date(2026, 3, 1, 23, 59, 58, 0, time.UTC)
	l := &Log{options: Options{Zone: time.UTC}, truth: truth}
	if json {
		l.options.Format = JSON
	}
	if random.IntN(3) == 0 {
		l.options.Zone = time.FixedZone("", (random.IntN(28)-14)*1800)
	}
	steps, pieces, bad, open := random.IntN(3) == 0, random.IntN(3) == 0, random.IntN(4) == 0, random.IntN(8) == 0
	g := NewGenerator(random.Uint64(), json)
	lines := random.IntN(60)
	if random.IntN(20) == 0 {
		lines *= 30
	}
	for i := range lines {
		at = at.Add(time.Duration(random.Int64N(int64(2 * time.Second))))
		switch random.IntN(6) {
		case 0:
			at = at.Truncate(time.Second)
		case 1:
			at = at.Truncate(time.Millisecond)
		}
		if steps && random.IntN(lines/3+1) == 0 {
			at = at.Add(-time.Duration(random.Int64N(int64(time.Hour))))
		}
		line := g.sized(random.IntN(200))
		if random.IntN(100) == 0 {
			line = g.sized(random.IntN(70_000))
		}
		stream := streamOf(line.Stderr)
		if bad && i > 0 && random.IntN(10) == 0 {
			b = append(b, slices.Concat(badLines()[random.IntN(len(badLines()))], []byte("\n"))...)
		}
		if pieces {
			for random.IntN(4) == 0 {
				b = l.appendPiece(b, at.UnixNano(), streamOf(random.IntN(2) == 0), line.Text, true, false)
			}
		}
		b = l.appendPiece(b, at.UnixNano(), stream, line.Text, false, open && i == lines-1)
	}
	if random.IntN(4) == 0 && len(b) > 0 { // a torn last line
		b = b[:len(b)-random.IntN(min(len(b), 100))]
	}
	return b
}

// badLines are lines in no format.
func badLines() [][]byte {
	return [][]byte{
		[]byte("no time"), nil, []byte("2026-03-01T00:00:00Z"), []byte("2026-03-01T00:00:00Z stdout"), []byte("2026-03-01T00:00:00Z stdin F x"),
		[]byte("2026-13-01T00:00:00Z stdout F month"), bytes.Repeat([]byte{0}, 300), []byte("2026-03-01T00:00:00Z stdout F"), []byte(`{"log":`),
		[]byte("2026-03-01T24:00:00Z stdout F hour"), []byte("2026-02-30T00:00:00Z stderr F day"),
	}
}

// someOptions are options for a file, with times around those of the file.
func someOptions(random *rand.Rand) options {
	o := options{tail: -1, limit: -1}
	if random.IntN(3) == 0 {
		o.tail = int64(random.IntN(30))
	}
	if random.IntN(5) == 0 {
		o.limit = int64(1 + random.IntN(3000))
	}
	if random.IntN(3) == 0 {
		o.since = time.Date(2026, 3, 1, 23, 59, 0, 0, time.UTC).Add(time.Duration(random.Int64N(int64(3 * time.Minute))))
		if random.IntN(2) == 0 {
			o.since = o.since.Truncate(time.Second)
		}
	}
	o.timestamps = random.IntN(3) == 0
	if random.IntN(4) == 0 {
		o.only = podlog.Stdout + podlog.Stream(random.IntN(2))
	}
	return o
}

// TestKubelet compares both readers on generated files.
func TestKubelet(t *testing.T) {
	t.Parallel()
	compared := 0
	const files = 300
	for i := range files {
		random := rand.New(rand.NewPCG(uint64(i), 7))
		content := sample(random, i%3 == 0)
		f := traitsOf(t, content)
		for range 6 {
			if compareReaders(t, content, f, someOptions(random)) {
				compared++
			}
		}
		if t.Failed() {
			t.Fatalf("file %d:\n%.1500q", i, content)
		}
	}
	t.Logf("%d comparisons on %d files", compared, files)
	if compared < files {
		t.Errorf("only %d comparisons were made", compared)
	}
}
