// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
)

// didYouMean returns "; did you mean X?" for names that are near, or nothing.
func didYouMean(name string, known []string) string {
	type candidate struct {
		name     string
		distance int
	}
	var near []candidate
	for _, k := range withSections(known) {
		d := distance(strings.ToLower(name), strings.ToLower(k))
		// The right name in the wrong section is near, too.
		if last(name) == last(k) {
			d = min(d, 1)
		} else {
			d = min(d, 1+distance(last(name), last(k)))
		}
		// Of a name of three letters one may be wrong, of longer ones two or a quarter.
		if n := len(last(name)); d <= max(min(2, n/2), n/4) {
			near = append(near, candidate{k, d})
		}
	}
	if len(near) == 0 {
		return ""
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return a.distance - b.distance })
	names := make([]string, 0, 3)
	for _, c := range near[:min(3, len(near))] {
		names = append(names, c.name)
	}
	return "; did you mean " + strings.Join(names, " or ") + "?"
}

// withSections adds the sections that the keys are in.
func withSections(keys []string) []string {
	names := slices.Clone(keys)
	for _, k := range keys {
		if section, _, ok := strings.Cut(k, "."); ok && !slices.Contains(names, section) {
			names = append(names, section)
		}
	}
	return names
}

func last(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }

// maxNameBytes bounds the work that a name from a file can cause.
const maxNameBytes = 128

// distance is the edit distance (Levenshtein) in bytes.
func distance(a, b string) int {
	if len(a) > maxNameBytes || len(b) > maxNameBytes {
		return max(len(a), len(b))
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
