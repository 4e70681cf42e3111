// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package fileset

import (
	"context"
	"errors"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
)

const (
	// damageLooks is how often a file that is being written to is looked at.
	damageLooks = 3
	// damagePause is the time between two looks.
	damagePause = 50 * time.Millisecond
)

// Damaged looks closely at these files and returns those that are damaged inside though their headers are good, as
// journal.Reader.Damaged does.
func Damaged(ctx context.Context, paths []string) []journal.FileProblem {
	var problems []journal.FileProblem
	for _, path := range paths {
		if ctx.Err() != nil {
			break
		}
		problems = append(problems, damageOf(ctx, path)...)
	}
	return problems
}

// damageOf returns what contradicts itself inside of a file. What contradicts itself while a
// writer changes it does not count; what is wrong with the header Reader.Problems tells.
func damageOf(ctx context.Context, path string) []journal.FileProblem {
	for look := range damageLooks {
		if look > 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(damagePause):
			}
		}
		before, headerErr := journalfile.ReadHeader(path)
		err := journalfile.Verify(ctx, path)
		if headerErr != nil || !errors.Is(err, journalfile.ErrCorrupt) && !errors.Is(err, journalfile.ErrTruncated) {
			return nil
		}
		after, headerErr := journalfile.ReadHeader(path)
		if headerErr != nil {
			return nil
		}
		if before.State == journalfile.StateArchived || after == before && look > 0 {
			return []journal.FileProblem{{Path: path, Reason: journal.GapCorrupt, Err: err}}
		}
	}
	return nil
}
