// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package glob matches names against shell patterns as journalctl matches unit names.
//
//	glob.Match("kube*", "kubelet.service") // true
package glob

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// IsPattern reports whether the text has a character that is special in shell patterns.
func IsPattern(s string) bool { return strings.ContainsAny(s, "*?[") }

// Match reports whether the name matches the shell pattern, by the rules of fnmatch(3) with
// FNM_NOESCAPE: * and ? match any characters, [a-z] and [!a-z] one of a set, and a backslash
// stands for itself. A bracket that is not closed stands for itself too.
// It takes time proportional to the product of both lengths at most.
func Match(pattern, name string) bool {
	// After a star has matched as little as possible, a mismatch lets it take one character more.
	starPattern, starName := "", ""
	star := false
	for {
		switch {
		case pattern != "" && pattern[0] == '*':
			pattern = pattern[1:]
			star, starPattern, starName = true, pattern, name
			continue
		case pattern == "" && name == "":
			return true
		case pattern != "" && name != "":
			if rest, after, ok := matchOne(pattern, name); ok {
				pattern, name = rest, after
				continue
			}
		}
		if !star || starName == "" {
			return false
		}
		_, n := utf8.DecodeRuneInString(starName)
		starName = starName[n:]
		pattern, name = starPattern, starName
	}
}

// matchOne matches one character of name and returns what is left of both.
func matchOne(pattern, name string) (restPattern, restName string, ok bool) {
	r, n := utf8.DecodeRuneInString(name)
	switch pattern[0] {
	case '?':
		return pattern[1:], name[n:], true
	case '[':
		if rest, in, closed := matchSet(pattern[1:], r); closed {
			return rest, name[n:], in
		}
	}
	p, m := utf8.DecodeRuneInString(pattern)
	if p != r || pattern[:m] != name[:n] {
		return "", "", false
	}
	return pattern[m:], name[n:], true
}

// matchSet matches r against a bracket expression, given without its opening bracket. closed is false if it
// has no end.
func matchSet(set string, r rune) (rest string, in, closed bool) {
	negated := set != "" && (set[0] == '!' || set[0] == '^')
	if negated {
		set = set[1:]
	}
	for first := true; set != ""; first = false {
		if set[0] == ']' && !first {
			return set[1:], in != negated, true
		}
		if name, after, ok := cutClass(set); ok {
			in = in || inClass(name, r)
			set = after
			continue
		}
		low, n := utf8.DecodeRuneInString(set)
		set = set[n:]
		if set == "-" {
			return "", false, true // a range without an end matches nothing
		}
		high := low
		if len(set) > 1 && set[0] == '-' && set[1] != ']' {
			high, n = utf8.DecodeRuneInString(set[1:])
			set = set[1+n:]
		}
		in = in || low <= r && r <= high
	}
	return "", false, false
}

// cutClass cuts [:NAME:] from the front of a bracket expression.
func cutClass(set string) (name, rest string, ok bool) {
	if !strings.HasPrefix(set, "[:") {
		return "", "", false
	}
	name, rest, ok = strings.Cut(set[2:], ":]")
	return name, rest, ok
}

// inClass reports whether r is in the POSIX character class.
func inClass(name string, r rune) bool {
	switch name {
	case "alpha":
		return unicode.IsLetter(r)
	case "digit":
		return r >= '0' && r <= '9'
	case "alnum":
		return unicode.IsLetter(r) || r >= '0' && r <= '9'
	case "upper":
		return unicode.IsUpper(r)
	case "lower":
		return unicode.IsLower(r)
	case "space":
		return unicode.IsSpace(r)
	case "blank":
		return r == ' ' || r == '\t'
	case "punct":
		return unicode.IsPunct(r) || unicode.IsSymbol(r)
	case "cntrl":
		return unicode.IsControl(r)
	case "print":
		return unicode.IsPrint(r)
	case "graph":
		return unicode.IsGraphic(r) && r != ' '
	case "xdigit":
		return r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F'
	default:
		return false
	}
}
