// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"time"

	"github.com/noded/noded/journal/timespec"
)

// parsePoint reads a point in time as timespec.Parse does, and in the forms that nodectl itself prints, so that what a line begins with
// can be given to --since: "Nov 23 18:00:00", which is the last one that is not ahead of now by more than a day, and
// "Mon, 23 Nov 2026 18:00:00 +0100" of nodectl describe.
func parsePoint(value string, now time.Time, zone *time.Location) (time.Time, error) {
	t, err := timespec.Parse(value, now, zone)
	if err == nil {
		return t, nil
	}
	text := strings.TrimSpace(value)
	if t, err := time.Parse(time.RFC1123Z, text); err == nil {
		return t, nil
	}
	// The year comes first, for the 29th of February.
	for year := now.In(zone).AddDate(0, 0, 1).Year(); year > now.Year()-8; year-- {
		t, err := time.ParseInLocation("2006 "+time.Stamp, time.Date(year, 1, 1, 0, 0, 0, 0, zone).Format("2006 ")+text, zone)
		if err == nil && !t.After(now.AddDate(0, 0, 1)) {
			return t, nil
		}
	}
	return time.Time{}, err
}
