// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/noded/noded/journal/glob"
	"github.com/noded/noded/journal/unitname"
	"github.com/noded/noded/runtime/inventory"
)

// maxSuggestions is how many near names a hint lists.
const maxSuggestions = 5

// suggestUnits says on stderr which of the units that were asked for never logged, and what is near them.
// It is only a hint: an error leaves it out.
func (c *journalCommand) suggestUnits(ctx context.Context) {
	for _, kind := range []struct {
		asked []string
		user  bool
	}{{c.query.Filter.Units, false}, {c.query.Filter.UserUnits, true}} {
		if len(kind.asked) == 0 {
			continue
		}
		known, err := c.backend.Units(ctx, nil, kind.user)
		if err != nil {
			return
		}
		for _, unit := range kind.asked {
			if line := unknownUnit(unit, known); line != "" {
				if meant := firstNonEmpty(c.meantAsValue(unit), c.meantAsPod(ctx, unit)); meant != "" {
					line += "; did you mean " + visible(meant) + "?"
				}
				fmt.Fprintln(c.Err, line)
			}
		}
	}
}

// meantAsValue returns the option that was perhaps meant where a unit was written after it; empty if none was.
func (c *journalCommand) meantAsValue(unit string) string {
	for _, s := range c.separated {
		if name, err := unitname.Mangle(s.word, true); err == nil && name == unit {
			return s.attached
		}
	}
	return ""
}

// meantAsPod returns the command that was perhaps meant where a unit has the name of a pod or of a container in pods, or the id of one; empty if it
// has not.
func (c *journalCommand) meantAsPod(ctx context.Context, unit string) string {
	logs, ok := c.backend.(logBackend)
	name, isService := strings.CutSuffix(unit, ".service")
	if !ok || !isService {
		return ""
	}
	pods, _, err := logs.Pods(ctx, inventory.PodSelector{})
	if err != nil {
		return ""
	}
	const command = "nodectl logs"
	for i := range pods {
		if pods[i].Name == name || looksLikeID(name) && slices.ContainsFunc(pods[i].Containers, func(c inventory.Container) bool { return strings.HasPrefix(c.ID, name) }) {
			return command + " " + name
		}
	}
	return podsOfContainer(command, pods, name)
}

// unknownUnit returns the hint for a unit; empty if it is known.
func unknownUnit(unit string, known []string) string {
	if glob.IsPattern(unit) {
		if slices.ContainsFunc(known, func(name string) bool { return glob.Match(unit, name) }) {
			return ""
		}
		return "no unit matches " + visible(unit)
	}
	if slices.Contains(known, unit) {
		return ""
	}
	line := "no entries for unit " + visible(unit)
	if near := nearNames(unit, known); len(near) > 0 {
		line += "; similar: " + visible(strings.Join(near, ", "))
	}
	return line
}

// misspeltUnits returns the services that a word is few edits away from, without their suffix.
func misspeltUnits(word string, known []string) []string {
	var near []string
	for _, name := range nearNames(word, known) {
		service, ok := strings.CutSuffix(name, ".service")
		if ok && editDistance(stemOf(word), service) <= allowedEdits(stemOf(word), service) {
			near = append(near, service)
		}
	}
	return near
}

// allowedEdits is how many edits apart two names are at most that are like each other.
func allowedEdits(a, b string) int {
	shorter := min(len(a), len(b))
	if shorter < 2 {
		return 0
	}
	return max(1, shorter/3)
}

// nearNames returns the names that are like a unit's: few edits away, or the one part of the other.
func nearNames(unit string, known []string) []string {
	stem := stemOf(unit)
	type candidate struct {
		name     string
		distance int
	}
	var near []candidate
	for _, name := range known {
		other := stemOf(name)
		distance := editDistance(stem, other)
		switch {
		case distance <= allowedEdits(stem, other):
		case len(stem) >= 3 && strings.Contains(other, stem), len(other) >= 3 && strings.Contains(stem, other):
			distance += len(stem)
		default:
			continue
		}
		near = append(near, candidate{name, distance})
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return a.distance - b.distance })
	var names []string
	for _, c := range near[:min(len(near), maxSuggestions)] {
		names = append(names, c.name)
	}
	return names
}

// stemOf cuts the suffix off a unit's name.
func stemOf(unit string) string {
	if dot := strings.LastIndexByte(unit, '.'); dot > 0 {
		return unit[:dot]
	}
	return unit
}

// editDistance is the number of bytes to insert, delete, replace or swap with their neighbour to make b of a
// (optimal string alignment).
func editDistance(a, b string) int {
	var beforeLast []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], beforeLast[j-2]+1)
			}
		}
		beforeLast, last = last, row
	}
	return last[len(b)]
}
