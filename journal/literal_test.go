// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// patterns are of all kinds that needed looks at.
func patterns() []string {
	return []string{
		"error", "ERROR", "no such text", "k", "kelvin", "stra\u00dfe", "a|b", "error|fail(ed|ure)", "(err)+or", "x{2,3}y", "x{0,3}y?", "^start", "end$",
		"e.*r", "[ab]c", "err[oO]r: (no|some) route", "(?i)MiXed", "(?-i)Case", "a\\.b", "\\x00", "", "(|empty)", "foo(bar|baz|)", "\ufffd", strings.Repeat("long", 60),
	}
}

// TestNeeded: what the pattern needs never changes what it matches.
func TestNeeded(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{
		"error", "Error", "ERR", "fail", "failed", "failure", "k", "\u212a", "\u017f", "\u00df", "no ", "such ", "text", "start", "end", "\n", "x", "xx", "xxy", "a.b", "ab", "bc",
		"no \u017fuch text", "\u00b5", "\u2126", "a\u212ab", "or: no route", "mixed", "MIXED", "Case", "case", "\x00", "\xff", "foo", "bar", " ", strings.Repeat("long", 60), strings.Repeat("LONG", 61),
	}
	for _, text := range patterns() {
		for _, ignoreCase := range []bool{false, true} {
			p, err := compilePattern("grep", text, ignoreCase)
			if err != nil {
				t.Fatal(err)
			}
			if p == nil {
				continue
			}
			for range 2000 {
				var b strings.Builder
				for range random.IntN(8) {
					b.WriteString(pieces[random.IntN(len(pieces))])
				}
				if got, want := p.matchBytes([]byte(b.String())), p.re.MatchString(b.String()); got != want {
					t.Fatalf("pattern %q, ignore case %v: matches(%q) = %v, want %v", text, ignoreCase, b.String(), got, want)
				}
			}
		}
	}
}

func TestNeedles(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern    string
		ignoreCase bool
		want       string
	}{
		{"no such text", true, "no such text"},
		{"error|fail", false, "error fail"},
		{"x.*longer", false, "longer"},
		{"(a|b)*", false, ""},
		{"a?", false, ""},
		{"stra\u00dfe", true, ""},
		{"stra\u00dfe", false, "stra\u00dfe"},
	} {
		p, err := compilePattern("grep", test.pattern, test.ignoreCase)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, n := range p.need {
			got = append(got, string(n.text))
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%q needs %q, want %q", test.pattern, got, test.want)
		}
	}
}

func FuzzNeeded(f *testing.F) {
	for _, p := range patterns() {
		f.Add(p, "an Error: no such text", true)
	}
	f.Fuzz(func(t *testing.T, text, message string, ignoreCase bool) {
		p, err := compilePattern("grep", text, ignoreCase)
		if err != nil || p == nil {
			return
		}
		if got, want := p.matchBytes([]byte(message)), p.re.MatchString(message); got != want {
			t.Errorf("pattern %q, ignore case %v: matches(%q) = %v, want %v", text, ignoreCase, message, got, want)
		}
	})
}

func BenchmarkPatternMisses(b *testing.B) {
	message := []byte(`I1123 21:15:00.123456    1234 kubelet.go:2345] "SyncLoop (PLEG): event for pod" pod="kube-system/coredns-5d78c9869d-abcde" duration="148µs" event={"Type":"ContainerStarted"}`)
	p, err := compilePattern("grep", "no such text in any message", true)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(message)))
	for b.Loop() {
		if p.matchBytes(message) {
			b.Fatal("it matches")
		}
	}
}

// TestWideLetters: no other letters outside of ASCII are another case of one in it.
func TestWideLetters(t *testing.T) {
	t.Parallel()
	var letters, wide string
	for r := rune(0); r < utf8.RuneSelf; r++ {
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			if f >= utf8.RuneSelf && unicode.IsLower(r) {
				letters, wide = letters+string(r), wide+string(f)
			}
		}
	}
	if letters != wideLetters || wide != kelvinSign+longS {
		t.Errorf("the letters are %q, and %q", letters, wide)
	}
}
