// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package rfc3339

import (
	"encoding/binary"
	"time"
)

const (
	// minuteLen is the length of the part of a time that its minute has in common, up to its last colon.
	minuteLen = len("2006-01-02T15:04:")
	// secondLen is the length up to the fraction or the zone.
	secondLen = minuteLen + len("05")
	// shortest is the length of the shortest time that time.Parse accepts: an hour may have one digit.
	shortest = len("2006-01-02T5:04:05Z")
	// firstYear and lastYear are the first and the last year all of which is in the range of nanoseconds, by more than a day
	// at each end, for the offset of the zone.
	firstYear, lastYear = 1679, 2260
)

// Parser parses times. Its zero value is ready. It remembers the minute of the last time, so it is not safe for concurrent use,
// and best kept for one log.
type Parser struct {
	minute [minuteLen]byte
	known  bool
	// base is the minute in seconds since the Unix epoch, as if its zone were UTC.
	base int64
}

// Parse parses b, which is all time: ns since the Unix epoch and the offset of its zone in minutes east of UTC. Not ok is what is
// not a time in the form of time.RFC3339Nano, or does not fit into ns.
func (p *Parser) Parse(b []byte) (ns int64, zone int16, ok bool) {
	if len(b) > secondLen && p.known && string(b[:minuteLen]) == string(p.minute[:]) {
		if ns, zone, ok = p.rest(b[minuteLen:]); ok {
			return ns, zone, true
		}
	}
	return p.slow(b)
}

// rest parses what comes after the minute. Not ok is left to the slow way, which knows what else is accepted.
func (p *Parser) rest(b []byte) (ns int64, zone int16, ok bool) {
	tens, ones := b[0]-'0', b[1]-'0'
	if tens > 5 || ones > 9 {
		return 0, 0, false
	}
	second := p.base + int64(tens)*10 + int64(ones)
	b = b[2:]
	var fraction int64
	if b[0] == '.' {
		var n int
		if fraction, n = nanoseconds(b[1:]); n == 0 {
			return 0, 0, false
		}
		b = b[1+n:]
	}
	if len(b) == 1 && b[0] == 'Z' {
		return second*1e9 + fraction, 0, true
	}
	if zone, ok = offset(b); !ok {
		return 0, 0, false
	}
	return (second-int64(zone)*60)*1e9 + fraction, zone, true
}

// nanoseconds reads the digits that b begins with as a fraction of a second, and returns how many there are. Those after the
// ninth count for nothing.
func nanoseconds(b []byte) (ns int64, n int) {
	if len(b) >= 9 {
		// Eight digits at once; see isDigits.
		if word := binary.LittleEndian.Uint64(b); isDigits(word) && b[8]-'0' <= 9 {
			ns = int64(eightDigits(word))*10 + int64(b[8]-'0')
			for n = 9; n < len(b) && b[n]-'0' <= 9; n++ {
			}
			return ns, n
		}
	}
	scale := int64(1e9)
	for n < len(b) && b[n]-'0' <= 9 {
		// The scale is 0 after the ninth digit.
		scale /= 10
		ns += int64(b[n]-'0') * scale
		n++
	}
	return ns, n
}

// isDigits reports whether all bytes of word are ASCII digits: the high half of each is 3, and still is if 6 is added.
func isDigits(word uint64) bool {
	const high = 0xF0F0F0F0F0F0F0F0
	const threes = 0x3030303030303030
	return word&high == threes && (word+0x0606060606060606)&high == threes
}

// eightDigits is the number that the digits in word are, the first digit in its lowest byte: neighbours are put together into
// numbers of two, of four and of eight digits.
func eightDigits(word uint64) uint64 {
	word &= 0x0F0F0F0F0F0F0F0F
	word = (word*10 + word>>8) & 0x00FF00FF00FF00FF
	word = (word*100 + word>>16) & 0x0000FFFF0000FFFF
	return (word*10000 + word>>32) & 0xFFFFFFFF
}

// offset parses +07:00. Offsets of a day and more, which time.Parse accepts too, are left to it.
func offset(b []byte) (zone int16, ok bool) {
	if len(b) != len("+07:00") || b[3] != ':' || (b[0] != '+' && b[0] != '-') {
		return 0, false
	}
	var digits [4]byte
	for i, at := range [4]int{1, 2, 4, 5} {
		if digits[i] = b[at] - '0'; digits[i] > 9 {
			return 0, false
		}
	}
	hours, minutes := int16(digits[0])*10+int16(digits[1]), int16(digits[2])*10+int16(digits[3])
	if hours > 23 || minutes > 59 {
		return 0, false
	}
	zone = hours*60 + minutes
	if b[0] == '-' {
		zone = -zone
	}
	return zone, true
}

// slow asks time.Parse, and remembers the minute.
func (p *Parser) slow(b []byte) (ns int64, zone int16, ok bool) {
	// Most of what is no time is told apart here, without an error being made for it.
	if len(b) < shortest || b[4] != '-' || b[7] != '-' || b[10] != 'T' {
		return 0, 0, false
	}
	t, err := time.Parse(time.RFC3339Nano, string(b))
	if err != nil {
		return 0, 0, false
	}
	ns = t.UnixNano()
	// Out of range the nanoseconds wrap around and mean another time.
	if !time.Unix(0, ns).Equal(t) {
		return 0, 0, false
	}
	_, east := t.Zone()
	if year := t.UTC().Year(); b[13] == ':' && firstYear <= year && year <= lastYear {
		copy(p.minute[:], b)
		p.known = true
		p.base = t.Unix() + int64(east) - int64(t.Second())
	}
	return ns, int16(east / 60), true
}
