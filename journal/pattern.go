// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"unicode"
)

// compilePattern compiles an RE2 pattern for MESSAGE; nil for the empty pattern. The
// error is a *QueryError.
func compilePattern(field, text string, ignoreCase bool) (*pattern, error) {
	if text == "" {
		return nil, nil
	}
	if len(text) > MaxPatternBytes {
		return nil, &QueryError{Field: field, Reason: fmt.Sprintf("the pattern has %d bytes; at most %d are allowed", len(text), MaxPatternBytes)}
	}
	flags := "(?m)"
	if ignoreCase {
		flags = "(?mi)"
	}
	re, err := regexp.Compile(flags + "(?:" + text + ")")
	if err != nil {
		reason := err.Error()
		if _, perr := syntax.Parse(text, syntax.Perl); perr != nil {
			reason = perr.Error()
		}
		return nil, &QueryError{Field: field, Value: text, Reason: reason + "; patterns are RE2: no look-around, no back-references"}
	}
	p := &pattern{re: re}
	if tree, err := syntax.Parse(flags+"(?:"+text+")", syntax.Perl); err == nil {
		p.need = needed(tree.Simplify())
	}
	return p, nil
}

// PatternIgnoresCase is journalctl's rule for --grep without --case-sensitive: a
// pattern in which every letter is lower case ignores case.
func PatternIgnoresCase(pattern string) bool {
	for _, r := range pattern {
		if unicode.IsUpper(r) {
			return false
		}
	}
	return true
}

// Pattern is a compiled RE2 pattern that is looked for in texts: many times faster than its regular expression alone, if there
// are words that every match contains. It is safe for concurrent use.
type Pattern struct{ compiled *pattern }

// NewPattern compiles a pattern as Filter.Grep is. field is what errors call it. The error is a *QueryError.
func NewPattern(field, text string, ignoreCase bool) (*Pattern, error) {
	p, err := compilePattern(field, text, ignoreCase)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, &QueryError{Field: field, Reason: "the pattern is empty"}
	}
	return &Pattern{compiled: p}, nil
}

// Match reports whether the text matches.
func (p *Pattern) Match(text []byte) bool { return p.compiled.matchBytes(text) }
