// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package jsonfile_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/noded/noded/runtime/podlog/jsonfile"
)

// fields are those of a Line that are told.
type fields struct {
	Time    int64
	Zone    int16
	Stream  uint8
	Partial bool
	Text    string
}

// reference is what Parse must return.
func reference(line []byte) (want fields, ok bool) {
	var o struct {
		Log    string `json:"log"`
		Stream string `json:"stream"`
		Time   string `json:"time"`
	}
	if json.Unmarshal(line, &o) != nil {
		return fields{}, false
	}
	at, err := time.Parse(time.RFC3339Nano, o.Time)
	if err != nil || at.Before(time.Unix(0, math.MinInt64)) || at.After(time.Unix(0, math.MaxInt64)) {
		return fields{}, false
	}
	_, east := at.Zone()
	text, whole := strings.CutSuffix(o.Log, "\n")
	return fields{
		Time: at.UnixNano(), Zone: int16(east / 60), Partial: !whole, Text: text,
		Stream: map[string]uint8{"stdout": jsonfile.Stdout, "stderr": jsonfile.Stderr}[o.Stream],
	}, true
}

// check compares with the reference. It returns the scratch space.
func check(t *testing.T, line, scratch []byte, parsed *jsonfile.Line) []byte {
	t.Helper()
	before := bytes.Clone(line)
	want, ok := reference(line)
	scratch, err := jsonfile.Parse(line, scratch, parsed)
	if (err == nil) != ok {
		t.Fatalf("Parse(%q): %v; encoding/json accepts it: %v", line, err, ok)
	}
	if !bytes.Equal(before, line) {
		t.Fatalf("Parse changed %q to %q", before, line)
	}
	if !ok {
		return scratch
	}
	got := fields{parsed.Time, parsed.Zone, parsed.Stream, parsed.Partial, string(parsed.Text)}
	if got != want {
		t.Fatalf("Parse(%q) = %+v, want %+v", line, got, want)
	}
	return scratch
}

const suffix = `,"stream":"stdout","time":"2026-11-23T20:34:05.769816978Z"}`

var samples = []string{
	`{"log":"hello\n"` + suffix,
	`{"log":"hello"` + suffix,
	`{"log":"\n"` + suffix,
	`{"log":""` + suffix,
	`{"log":"\n\n"` + suffix,
	`{"log":"\u000a"` + suffix,
	`{"log":"a long enough line of plain text, longer than a word\n"` + suffix,
	`{"log":"back\\slash \"quoted\" \/ \b\f\r\t\u001b[0m \u003ca\u0026b\u003e\n"` + suffix,
	`{"log":"ends with a backslash\\"` + suffix,
	`{"log":"ends with a backslash\\n"` + suffix,
	`{"log":"ends with a backslash and newline\\\n"` + suffix,
	`{"log":"grüße 世界 \u4e16 😀 \ud83d\ude00\n"` + suffix,
	`{"log":"lone \ud83d half \ude00 \ud83d\u0041 \ud83d\ud83d\ude00 \ud83d\n"` + suffix,
	`{"log":"lone \ud83d"` + suffix,
	"{\"log\":\"invalid \xff\xc3( \xe4\xb8 \xed\xa0\x80 \xf4\x90\x80\x80\\n\"" + suffix,
	"{\"log\":\"\xff\"" + suffix,
	"{\"log\":\"\xff\\n\"" + suffix,
	"{\"log\":\"control \x01\\n\"" + suffix,
	"{\"log\":\"delete \x7f\\n\"" + suffix,
	"{\"log\":\"newline \n\"" + suffix,
	`{"log":"bad \x escape\n"` + suffix,
	`{"log":"bad \u00g0 escape\n"` + suffix,
	`{"log":"bad \'quote\'\n"` + suffix,
	`{"log":"short \u00"` + suffix,
	`{"log":"no end`,
	`{"log":"no end\`,
	`{"log":"no end\n`,
	`{"log":"x\n","stream":"stderr","time":"2026-11-23T20:34:05Z"}`,
	`{"log":"x\n","stream":"stderr","time":"2026-11-23T20:34:05.5+01:00"}`,
	`{"log":"x\n","stream":"stdouu","time":"2026-11-23T20:34:05Z"}`,
	`{"log":"x\n","stream":"std","time":"2026-11-23T20:34:05Z"}`,
	`{"log":"x\n","stream":"std`,
	`{"log":"x\n","stream":"stdout"}`,
	`{"log":"x\n","stream":"stdout","time":""}`,
	`{"log":"x\n","stream":"stdout","time":null}`,
	`{"log":"x\n","stream":"stdout","time":5}`,
	`{"log":"x\n","stream":5,"time":"2026-11-23T20:34:05Z"}`,
	`{"log":null,"stream":null,"time":"2026-11-23T20:34:05Z"}`,
	`{"log":"x\n","stream":"stdout","time":"2026\u002d11-23T20:34:05Z"}`,
	`{"log":"x\n","stream":"stdout","attrs":{"tag":"a","env\u003d":"\"b\""},"time":"2026-11-23T20:34:05Z"}`,
	`{"log":"x\n","stream":"stdout","attrs":{"tag":"a",},"time":"2026-11-23T20:34:05Z"}`,
	`{"log":"x\n","stream":"stdout","attrs":{},"time":"2026-11-23T20:34:05Z"}`,
	`{"log":"x\n","stream":"stdout","attrs":{"a":5},"time":"2026-11-23T20:34:05Z"}`,
	`{"log":"x\n","stream":"stdout","attrs":{"a":"\x"},"time":"2026-11-23T20:34:05Z"}`,
	`{"log":"x\n","stream":"stdout","attrs":{"a":"b"`,
	`{"log":"x\n","stream":"stdout","attrs":{"a":`,
	`{"log":"x\n","stream":"stdout","attrs":{"a`,
	`{"log":"x\n","stream":"stdout","attrs":{`,
	`{"log":"x\n","stream":"stdout","attrs":"text","time":"2026-11-23T20:34:05Z"}`,
	`{"stream":"stdout","time":"2026-11-23T20:34:05Z","log":"other order\n"}`,
	` { "log" : "spaces\n" , "stream" : "stdout" , "time" : "2026-11-23T20:34:05Z" } `,
	`{"LOG":"case\n","Stream":"stderr","TIME":"2026-11-23T20:34:05Z"}`,
	`{"log":"first\n","log":"second\n"` + suffix,
	`{"log":"x\n","stream":"stdout","time":"2026-11-23T20:34:05Z","time":"2026-11-23T20:34:06Z"}`,
	`{"log":"x\n","stream":"stdout","time":"2026-11-23T20:34:05Z"}}`,
	`{"log":"x\n","stream":"stdout","time":"2026-11-23T20:34:05Z"}{"log":"y\n"` + suffix,
	`{"log":"x\n","stream":"stdout","time":"2026-11-23T20:34:05Z","more":[1,{"a":null}]}`,
	`{"log":"x\n","stream":"stdout","time":"2026-11-23T20:34:05Z`,
	`null`, `[]`, `5`, `"text"`, `{}`, `{`, ``, ` `, `plain text`,
	`{"log":"` + "\xff\xfe" + strings.Repeat("x", 20) + `\n"` + suffix,
}

func TestParse(t *testing.T) {
	t.Parallel()
	var line jsonfile.Line
	var scratch []byte
	for range 2 {
		for _, sample := range samples {
			scratch = check(t, []byte(sample), scratch, &line)
			var fresh jsonfile.Line
			check(t, []byte(sample), nil, &fresh)
		}
	}
}

// TestParseEveryByte puts every byte at every place of a word, alone and after a backslash.
func TestParseEveryByte(t *testing.T) {
	t.Parallel()
	var line jsonfile.Line
	var scratch []byte
	for c := range 256 {
		for at := range 18 {
			text := []byte("0123456789abcdefgh")
			text[at] = byte(c)
			scratch = check(t, []byte(`{"log":"`+string(text)+`\n"`+suffix), scratch, &line)
			scratch = check(t, []byte(`{"log":"`+string(text[:at])+`\`+string(text[at:])+`\n"`+suffix), scratch, &line)
		}
	}
}

func TestParseText(t *testing.T) {
	plain := []byte(`{"log":"hello\n"` + suffix)
	var line jsonfile.Line
	scratch, err := jsonfile.Parse(plain, nil, &line)
	if err != nil {
		t.Fatal(err)
	}
	if scratch != nil || &line.Text[0] != &plain[8] {
		t.Error("text without escapes was copied")
	}
	escaped := []byte(`{"log":"a\tb\n"` + suffix)
	if n := testing.AllocsPerRun(10, func() { scratch, err = jsonfile.Parse(escaped, scratch, &line) }); n > 0.5 {
		t.Errorf("%v allocations", n)
	}
	if err != nil || string(line.Text) != "a\tb" {
		t.Errorf("Text = %q, %v", line.Text, err)
	}
}

// FuzzParse: every line has the value that encoding/json and time.Parse give it.
func FuzzParse(f *testing.F) {
	for _, sample := range samples {
		f.Add([]byte(sample))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		var line jsonfile.Line
		scratch := check(t, input, nil, &line)
		// The input as the inside of a string.
		check(t, []byte(`{"log":"`+string(input)+`\n"`+suffix), scratch, &line)
		// What was logged, as encoding/json writes it.
		quoted, err := json.Marshal(string(input))
		if err != nil {
			t.Fatal(err)
		}
		check(t, []byte(`{"log":`+string(quoted)+suffix), scratch, &line)
	})
}

func BenchmarkParse(b *testing.B) {
	for name, text := range map[string]string{
		"plain":   strings.Repeat("a word ", 20) + "\n",
		"escaped": strings.Repeat("\x1b[1ma\x1b[0m \"word\"", 6) + "\n",
		"utf-8":   strings.Repeat("grüße an alle ", 10) + "\n",
	} {
		quoted, err := json.Marshal(text)
		if err != nil {
			b.Fatal(err)
		}
		input := []byte(`{"log":` + string(quoted) + suffix)
		b.Run(name, func(b *testing.B) {
			var line jsonfile.Line
			var scratch []byte
			b.SetBytes(int64(len(input)))
			b.ReportAllocs()
			for b.Loop() {
				if scratch, err = jsonfile.Parse(input, scratch, &line); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/encoding/json", func(b *testing.B) {
			b.SetBytes(int64(len(input)))
			b.ReportAllocs()
			for b.Loop() {
				reference(input)
			}
		})
	}
}
