// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bytes"
	"strconv"
	"time"

	"github.com/noded/noded/journal"
)

// maxUsec bounds the stamps that systemd takes for real: 2^55 microseconds, in the year 3111.
const maxUsec = 1 << 55

// stamps are the times that the text modes show for a record.
type stamps struct {
	realtime  journal.Usec
	monotonic journal.Usec
	boot      journal.ID128
}

// stampsOf returns the times of a record: those that its source gave, in these fields, where they are
// valid, else those of its reception.
func stampsOf(h *journal.Header, realtime, monotonic []byte) stamps {
	s := stamps{realtime: h.Realtime, monotonic: h.Monotonic, boot: h.BootID}
	if n, ok := parseStamp(realtime); ok && n > 0 && n < maxUsec {
		s.realtime = journal.Usec(n)
	}
	if n, ok := parseStamp(monotonic); ok && n < maxUsec {
		s.monotonic = journal.Usec(n)
	}
	return s
}

// parseStamp reads a number as systemd does: by strtoull with base 0, so
// that 0x and a leading 0 count, which also takes leading white space and a plus sign.
func parseStamp(v []byte) (uint64, bool) {
	if len(v) == 0 {
		return 0, false
	}
	n, plain := uint64(0), v[0] != '0' && len(v) < 19
	for i := 0; plain && i < len(v); i++ {
		d := v[i] - '0'
		plain = d <= 9
		n = n*10 + uint64(d)
	}
	if plain {
		return n, true
	}
	s := string(bytes.TrimLeft(cString(v), " \t\n\r"))
	if s != "" && s[0] == '+' {
		s = s[1:]
	}
	for i := range len(s) {
		if s[i] == '_' {
			return 0, false // strconv would take it
		}
	}
	n, err := strconv.ParseUint(s, 0, 64)
	return n, err == nil
}

// cString returns v up to its first NUL: what C's string functions see of it.
func cString(v []byte) []byte {
	if i := bytes.IndexByte(v, 0); i >= 0 {
		return v[:i]
	}
	return v
}

// clock formats wall clock times for one mode. It keeps the last second that it formatted, since
// records come many to a second.
type clock struct {
	location *time.Location
	// head and tail are the layouts of what stands before and after the fraction.
	head, tail string
	// fraction: microseconds are shown.
	fraction bool

	second   int64
	headText []byte
	tailText []byte
}

func newClock(m Mode, location *time.Location) clock {
	c := clock{location: location, second: -1}
	switch m {
	case ShortFull, WithUnit:
		c.head, c.tail = "Mon 2006-01-02 15:04:05", " MST"
	case Verbose:
		c.head, c.tail, c.fraction = "Mon 2006-01-02 15:04:05", " MST", true
	case ShortISO:
		c.head, c.tail = "2006-01-02T15:04:05", "-0700"
	case ShortISOPrecise:
		c.head, c.tail, c.fraction = "2006-01-02T15:04:05", "-0700", true
	case ShortPrecise:
		c.head, c.fraction = "Jan 02 15:04:05", true
	default:
		c.head = "Jan 02 15:04:05"
	}
	return c
}

// append appends the time u.
func (c *clock) append(b []byte, u journal.Usec) []byte {
	second := int64(u / 1e6)
	if second != c.second {
		t := time.Unix(second, 0).In(c.location)
		c.headText = t.AppendFormat(c.headText[:0], c.head)
		c.tailText = t.AppendFormat(c.tailText[:0], c.tail)
		c.second = second
	}
	b = append(b, c.headText...)
	if c.fraction {
		b = append(b, '.')
		b = appendMicros(b, u)
	}
	return append(b, c.tailText...)
}

// appendSeconds appends seconds, padded with spaces to the width, and the fraction.
func appendSeconds(b []byte, u journal.Usec, width int) []byte {
	start := len(b)
	b = strconv.AppendUint(b, uint64(u/1e6), 10)
	if pad := width - (len(b) - start); pad > 0 {
		b = appendSpaces(b, pad)
		copy(b[start+pad:], b[start:len(b)-pad])
		for i := range pad {
			b[start+i] = ' '
		}
	}
	b = append(b, '.')
	return appendMicros(b, u)
}

// appendDelta appends short-monotonic's or short-delta's bracket. The delta is marked with
// an asterisk when it comes from the wall clock, because the boot has changed.
func appendDelta(b []byte, now, before stamps, delta bool) []byte {
	b = append(b, '[')
	b = appendSeconds(b, now.monotonic, 5)
	if !delta {
		return append(b, ']')
	}
	switch {
	case now.boot == before.boot:
		b = append(b, " <"...)
		b = appendSeconds(b, saturatingSub(now.monotonic, before.monotonic), 5)
		b = append(b, " >"...)
	case now.realtime > 0 && before.realtime > 0:
		b = append(b, " <"...)
		b = appendSeconds(b, saturatingSub(now.realtime, before.realtime), 5)
		b = append(b, "*>"...)
	default:
		b = appendSpaces(b, 16)
	}
	return append(b, ']')
}

func saturatingSub(a, b journal.Usec) journal.Usec {
	if a < b {
		return 0
	}
	return a - b
}
