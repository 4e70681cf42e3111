// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pattern is a compiled pattern with what a text must contain to match it: to look for that first is many times faster than
// the regular expression.
type pattern struct {
	re *regexp.Regexp
	// need are texts of which one is in everything that matches; none if that cannot be told.
	need []needle
	// known are the answers for values that many entries have, by Field.ID.
	known map[uint64]bool
}

// maxKnown bounds the answers that are remembered.
const maxKnown = 1 << 16

// matches reports whether the value of the field matches.
func (p *pattern) matches(f Field) bool {
	if f.ID == 0 {
		return p.matchBytes(f.Value)
	}
	answer, ok := p.known[f.ID]
	if ok {
		return answer
	}
	if p.known == nil || len(p.known) >= maxKnown {
		p.known = make(map[uint64]bool)
	}
	answer = p.matchBytes(f.Value)
	p.known[f.ID] = answer
	return answer
}

func (p *pattern) matchBytes(text []byte) bool {
	if len(p.need) == 0 {
		return p.re.Match(text)
	}
	for i := range p.need {
		if p.need[i].in(text) {
			return p.re.Match(text)
		}
	}
	return false
}

// needle is a text to look for.
type needle struct {
	text []byte
	// fold: case does not matter; text is lower case ASCII then, and skip tells, by the byte under its end, how far the
	// text can be moved on. wide: it has a letter that one outside of ASCII is another case of.
	fold, wide bool
	skip       *[256]uint8
}

// in reports whether the needle is in the text, or may be.
func (n *needle) in(text []byte) bool {
	if !n.fold {
		return bytes.Contains(text, n.text)
	}
	last := len(n.text) - 1
	for end := last; end < len(text); {
		step := int(n.skip[text[end]])
		if step == 0 {
			if foldedEqual(text[end-last:end], n.text[:last]) {
				return true
			}
			step = 1
		}
		end += step
	}
	return n.wide && hasWide(text)
}

// wideLetters are the letters of ASCII of which there is a case outside of it, which kelvinSign and longS are: Unicode's
// CaseFolding.txt has no others.
const (
	wideLetters = "ks"
	kelvinSign  = "\u212a"
	longS       = "\u017f"
)

// hasWide reports whether the text has letters outside of ASCII that are another case of one in it. There are few, and the
// pattern itself decides.
func hasWide(text []byte) bool {
	return hasLetter(text, kelvinSign) || hasLetter(text, longS)
}

// hasLetter is bytes.Contains, faster where the first byte does not occur.
func hasLetter(text []byte, letter string) bool {
	i := bytes.IndexByte(text, letter[0])
	return i >= 0 && bytes.Contains(text[i:], []byte(letter))
}

// foldedEqual reports whether text, with letters of ASCII made lower case, is want.
func foldedEqual(text, want []byte) bool {
	for i, c := range text {
		if lower(c) != want[i] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func newNeedle(text string, fold bool) needle {
	n := needle{text: []byte(text), fold: fold}
	if !fold {
		return n
	}
	n.wide = strings.ContainsAny(text, wideLetters)
	n.skip = new([256]uint8)
	for i := range n.skip {
		n.skip[i] = uint8(len(text))
	}
	for i := range text {
		distance := uint8(len(text) - 1 - i)
		n.skip[text[i]] = distance
		if text[i] >= 'a' && text[i] <= 'z' {
			n.skip[text[i]-('a'-'A')] = distance
		}
	}
	return n
}

const (
	// maxNeedles bounds the alternatives of a pattern that are looked for one after the other.
	maxNeedles = 8
	// maxNeedleBytes bounds the length of a needle, so that distances in it fit a byte.
	maxNeedleBytes = 200
)

// needed returns texts of which one is in everything that the expression matches, nil if there are none or too
// many.
func needed(re *syntax.Regexp) []needle {
	switch re.Op {
	case syntax.OpLiteral:
		return literal(re)
	case syntax.OpCapture, syntax.OpPlus:
		return needed(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min < 1 {
			return nil
		}
		return needed(re.Sub[0])
	case syntax.OpConcat:
		var best []needle
		for _, sub := range re.Sub {
			if n := needed(sub); better(n, best) {
				best = n
			}
		}
		return best
	case syntax.OpAlternate:
		var all []needle
		for _, sub := range re.Sub {
			n := needed(sub)
			if len(n) == 0 || len(all)+len(n) > maxNeedles {
				return nil
			}
			all = append(all, n...)
		}
		return all
	default:
		return nil
	}
}

// better reports whether to look for a is faster than to look for b: the shortest text decides.
func better(a, b []needle) bool {
	shortest := func(list []needle) int {
		n := 0
		for i := range list {
			if n == 0 || len(list[i].text) < n {
				n = len(list[i].text)
			}
		}
		return n
	}
	return len(a) > 0 && (len(b) == 0 || shortest(a) > shortest(b))
}

func literal(re *syntax.Regexp) []needle {
	text := string(re.Rune)
	if strings.ContainsRune(text, utf8.RuneError) {
		return nil // it matches bytes that are not UTF-8
	}
	if len(text) > maxNeedleBytes {
		text = strings.ToValidUTF8(text[:maxNeedleBytes], "")
	}
	if re.Flags&syntax.FoldCase == 0 {
		return []needle{newNeedle(text, false)}
	}
	if strings.IndexFunc(text, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
		return nil
	}
	return []needle{newNeedle(strings.ToLower(text), true)}
}
