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
