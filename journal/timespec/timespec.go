// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package timespec reads points in time and time spans as systemd.time(7) writes them.
//
//	since, err := timespec.Parse("yesterday", time.Now(), time.Local)
//	since, err = timespec.Parse("1h 30min ago", time.Now(), time.Local)
//
// It understands what systemd-analyze timestamp does, RFC 3339 times, and bare spans
// such as 10m, which mean that long ago.
package timespec

import (
	"errors"
	"time"
)

// Parse returns the point in time that s names. now is what relative times count from; loc is the zone
// of times that name none, nil means UTC. Times are exact to the microsecond. The error is a *journal.QueryError.
func Parse(s string, now time.Time, loc *time.Location) (time.Time, error) {
	return time.Time{}, errors.ErrUnsupported
}

// ParseSpan returns the length of a time span such as "1h 30min", "2days" or "90", which is
// seconds. m is minutes and M is months. The error is a *journal.QueryError.
func ParseSpan(s string) (time.Duration, error) { return 0, errors.ErrUnsupported }
