// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package timespec reads points in time and time spans as systemd.time(7) writes them.
//
//	since, err := timespec.Parse("yesterday", time.Now(), time.Local)
//	since, err = timespec.Parse("1h 30min ago", time.Now(), time.Local)
//
// It understands what systemd-analyze timestamp does: now, today, yesterday and tomorrow; dates
// and times with parts left out, an optional weekday before and a zone after them; spans from now (+5min, -1h, 11min ago,
// 1h left); and seconds since the epoch (@1234567890.5). Beyond that it understands RFC 3339 times,
// zones after the words for days, and bare spans such as 10m, which mean that long ago.
package timespec

import (
	"math"
	"strings"
	"time"

	"github.com/noded/noded/journal"
)

// maxUsec is the last moment that systemd formats: 9999-12-30 23:59:59 UTC.
const maxUsec = 253402214399 * 1e6

// Parse returns the point in time that s names. now is what relative times count from; loc is the zone
// of times that name none, nil means UTC. Times are exact to the microsecond. The error is a *journal.QueryError.
func Parse(s string, now time.Time, loc *time.Location) (time.Time, error) {
	if loc == nil {
		loc = time.UTC
	}
	now = now.Truncate(time.Microsecond).In(loc)
	t, ok := parse(s, now, loc)
	if !ok {
		return time.Time{}, invalid(s)
	}
	if t.Before(time.Unix(0, 0)) || t.UnixMicro() > maxUsec {
		return time.Time{}, &journal.QueryError{Field: "time", Value: s, Reason: "outside of the years 1970 to 9999"}
	}
	return t, nil
}

func invalid(s string) error {
	return &journal.QueryError{
		Field: "time", Value: s,
		Reason: `not a time; use for example "2026-10-15 18:42:59", "18:42", "yesterday", "-1h", "1h 30min ago" or "@1234567890"`,
	}
}

// parse tries the forms one after the other.
func parse(s string, now time.Time, loc *time.Location) (time.Time, bool) {
	if t, ok := parseWord(s, now); ok {
		return t, true
	}
	if t, ok, relative := parseRelative(s, now); relative {
		return t, ok
	}
	if t, ok := parseAbsolute(s, now, loc, ""); ok {
		return t, true
	}
	if i := strings.LastIndexByte(s, ' '); i > 0 {
		if t, ok := parseZoned(s[:i], s[i+1:], now, loc); ok {
			return t, true
		}
	}
	if t, ok := parseRFC3339(s, loc); ok {
		return t, true
	}
	return parseBareSpan(s, now)
}

// parseWord reads now and the words for days.
func parseWord(s string, now time.Time) (time.Time, bool) {
	day := func(offset int) time.Time {
		y, m, d := now.Date()
		return time.Date(y, m, d+offset, 0, 0, 0, 0, now.Location())
	}
	switch s {
	case "now":
		return now, true
	case "today":
		return day(0), true
	case "yesterday":
		return day(-1), true
	case "tomorrow":
		return day(1), true
	default:
		return time.Time{}, false
	}
}

// parseRelative reads spans from now and from the epoch. relative reports whether s has such a form, right or wrong.
func parseRelative(s string, now time.Time) (t time.Time, ok, relative bool) {
	var span string
	base, sign := now, int64(1)
	ago, isAgo := strings.CutSuffix(s, " ago")
	left, isLeft := strings.CutSuffix(s, " left")
	switch {
	case s == "":
		return t, false, false
	case s[0] == '+':
		span = s[1:]
	case s[0] == '-':
		span, sign = s[1:], -1
	case s[0] == '@':
		span, base = s[1:], time.Unix(0, 0).In(now.Location())
	case isAgo:
		span, sign = ago, -1
	case isLeft:
		span = left
	default:
		return t, false, false
	}
	usec, ok := parseSpan(span)
	if !ok {
		return t, false, true
	}
	return shift(base, sign, usec), true, true
}

// shift returns the time usec away, but not before the epoch.
func shift(base time.Time, sign int64, usec uint64) time.Time {
	at := base.UnixMicro()
	switch {
	case usec > math.MaxInt64/4:
		at = math.MaxInt64 / 4 * sign
	default:
		at += sign * int64(usec)
	}
	return time.UnixMicro(max(at, 0)).In(base.Location())
}

// parseZoned reads a time whose zone is given by a name: UTC, one of the tz database, or an abbreviation that the
// local zone uses at that time.
func parseZoned(s, zone string, now time.Time, loc *time.Location) (time.Time, bool) {
	// LoadLocation takes "" and "Local" too, which are not names of the tz database.
	if zone == "" || zone == "Local" {
		return time.Time{}, false
	}
	if t, ok := parseAbsolute(s, now, loc, zone); ok {
		return t, true
	}
	if strings.EqualFold(zone, "UTC") {
		zone = "UTC"
	}
	named, err := time.LoadLocation(zone)
	if err != nil {
		return time.Time{}, false
	}
	now = now.In(named)
	t, ok := parseWord(s, now)
	if !ok {
		t, ok = parseAbsolute(s, now, named, "")
	}
	return t.In(loc), ok
}

// parseRFC3339 reads RFC 3339 times, with a space in place of T too; without an offset
// the time is local.
func parseRFC3339(s string, loc *time.Location) (time.Time, bool) {
	for _, layout := range []string{
		time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05Z07:00",
		"2006-01-02T15:04:05-0700", "2006-01-02 15:04:05-0700",
	} {
		if t, err := time.ParseInLocation(layout, s, loc); err == nil {
			return t.Truncate(time.Microsecond).In(loc), true
		}
	}
	return time.Time{}, false
}

// parseBareSpan reads a span in which the last number has its unit.
func parseBareSpan(s string, now time.Time) (time.Time, bool) {
	if s == "" || s[len(s)-1] < 'A' {
		return time.Time{}, false
	}
	usec, ok := parseSpan(s)
	if !ok {
		return time.Time{}, false
	}
	return shift(now, -1, usec), true
}
