// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"cmp"
	"slices"
	"strings"
)

const (
	// maxNear is how many near names an error lists.
	maxNear = 3
	// maxNearLength bounds the names that are compared: those of pods have 253 bytes at most.
	maxNearLength = 253
)

// Near returns at most three of the candidates that are perhaps meant by a name that none of them has, nearest first.
func Near(name string, candidates []string) []string { return nearNames(name, candidates) }

// nearNames returns the names that are perhaps meant by name, nearest first: those that begin with it or hold it, and those
// that a few typing errors lead to.
func nearNames(name string, candidates []string) []string {
	if name == "" || len(name) > maxNearLength {
		return nil
	}
	type scored struct {
		name  string
		score int
	}
	var found []scored
	rows := make([]int, 3*(maxNearLength+1))
	for _, c := range candidates {
		if c == name || c == "" || len(c) > maxNearLength {
			continue
		}
		switch score := nearScore(name, c, rows); {
		case score < 0:
		default:
			found = append(found, scored{c, score})
		}
	}
	slices.SortFunc(found, func(a, b scored) int {
		return cmp.Or(cmp.Compare(a.score, b.score), strings.Compare(a.name, b.name))
	})
	var out []string
	for _, f := range found {
		if !slices.Contains(out, f.name) {
			out = append(out, f.name)
		}
		if len(out) == maxNear {
			break
		}
	}
	return out
}

// nearScore is small for what is near and negative for what is not.
func nearScore(name, candidate string, rows []int) int {
	const (
		whole = 0  // candidate is name and a part that was generated
		parts = 20 // name is somewhere in candidate, or the other way round
	)
	switch {
	case strings.HasPrefix(candidate, name+"-"):
		return whole
	case strings.HasPrefix(candidate, name):
		return whole + 1
	case len(name) >= 3 && strings.Contains(candidate, name):
		return parts
	case len(candidate) >= 3 && strings.HasPrefix(name, candidate+"-"):
		return parts + 1
	}
	most := 1 + len(name)/5
	best := distance(name, candidate, most, rows)
	// The beginning of a generated name: "wbe" means web-7d9fb6c4b-x2x8k.
	for i := range len(candidate) {
		if candidate[i] == '-' {
			if d := distance(name, candidate[:i], min(most, len(name)/3), rows); d >= 0 && (best < 0 || d < best) {
				best = d
			}
		}
	}
	if best < 0 {
		return -1
	}
	return whole + 1 + best
}

// distance is the number of typing errors (a letter too much, too few, wrong, or two exchanged) between two strings, or -1 if there
// are more than most. rows is scratch.
func distance(a, b string, most int, rows []int) int {
	if d := len(a) - len(b); d > most || -d > most {
		return -1
	}
	width := len(b) + 1
	if len(rows) < 3*width {
		rows = make([]int, 3*width)
	}
	before, previous, current := rows[:width], rows[width:2*width], rows[2*width:3*width]
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			current[j] = min(previous[j]+1, current[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
		before, previous, current = previous, current, before
	}
	if d := previous[len(b)]; d <= most {
		return d
	}
	return -1
}
