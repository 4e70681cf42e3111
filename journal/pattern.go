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
func compilePattern(field, pattern string, ignoreCase bool) (*regexp.Regexp, error) {
	if pattern == "" {
		return nil, nil
	}
	if len(pattern) > MaxPatternBytes {
		return nil, &QueryError{Field: field, Reason: fmt.Sprintf("the pattern has %d bytes; at most %d are allowed", len(pattern), MaxPatternBytes)}
	}
	flags := "(?m)"
	if ignoreCase {
		flags = "(?mi)"
	}
	re, err := regexp.Compile(flags + "(?:" + pattern + ")")
	if err != nil {
		reason := err.Error()
		if _, perr := syntax.Parse(pattern, syntax.Perl); perr != nil {
			reason = perr.Error()
		}
		return nil, &QueryError{Field: field, Value: pattern, Reason: reason + "; patterns are RE2: no look-around, no back-references"}
	}
	return re, nil
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
