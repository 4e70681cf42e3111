// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"strings"
	"unicode/utf8"
)

// IsGlob reports whether the text has a character that is special in shell patterns.
func IsGlob(s string) bool { return strings.ContainsAny(s, "*?[") }

// GlobMatch reports whether the whole name matches the shell pattern, by the rules of fnmatch(3) with
// FNM_NOESCAPE, which journalctl uses for unit names: * matches any text and ? any character,
// slash included, [a-z] and [!a-z] one character in or not in a set, and a backslash stands for itself. A
// bracket that is not closed stands for itself.
func GlobMatch(pattern, name string) bool {
	// The place to go back to when the text after the last star does not fit: the star takes
	// one character more.
	starPattern, starName := -1, 0
	p, n := 0, 0
	for n < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			starPattern, starName = p, n
			p++
			continue
		}
		if step, width, ok := globOne(pattern[p:], name[n:]); ok {
			p += step
			n += width
			continue
		}
		if starPattern < 0 {
			return false
		}
		_, width := utf8.DecodeRuneInString(name[starName:])
		starName += width
		p, n = starPattern+1, starName
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// globOne matches one character of a non-empty name against the first item of the pattern and returns the
// bytes that each takes.
func globOne(pattern, name string) (step, width int, ok bool) {
	if pattern == "" {
		return 0, 0, false
	}
	r, width := utf8.DecodeRuneInString(name)
	switch pattern[0] {
	case '?':
		return 1, width, true
	case '[':
		if in, size, closed := globSet(pattern, r); closed {
			return size, width, in
		}
	}
	pr, size := utf8.DecodeRuneInString(pattern)
	if pr == utf8.RuneError || r == utf8.RuneError {
		return 1, 1, pattern[0] == name[0]
	}
	return size, width, pr == r
}

// globSet matches r against the bracket expression that the pattern begins with and returns its size in
// bytes; closed is false if it has no end.
func globSet(pattern string, r rune) (in bool, size int, closed bool) {
	i := 1
	negated := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if negated {
		i++
	}
	for first := true; i < len(pattern); first = false {
		if pattern[i] == ']' && !first {
			return in != negated, i + 1, true
		}
		low, n := utf8.DecodeRuneInString(pattern[i:])
		i += n
		high := low
		if i+1 < len(pattern) && pattern[i] == '-' && pattern[i+1] != ']' {
			high, n = utf8.DecodeRuneInString(pattern[i+1:])
			i += 1 + n
		}
		if low <= r && r <= high {
			in = true
		}
	}
	return false, 0, false
}
