// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"encoding/binary"
	"math/bits"
	"strconv"

	"github.com/noded/noded/journal"
)

const hexDigits = "0123456789abcdef"

// decimalPairs holds the numbers 00 to 99.
const decimalPairs = "00010203040506070809" +
	"10111213141516171819" +
	"20212223242526272829" +
	"30313233343536373839" +
	"40414243444546474849" +
	"50515253545556575859" +
	"60616263646566676869" +
	"70717273747576777879" +
	"80818283848586878889" +
	"90919293949596979899"

// maxHexBytes is what putHex and putID need at most.
const maxHexBytes = 32

// hexOf returns the eight hexadecimal digits of n, the highest in the lowest byte.
func hexOf(n uint32) uint64 {
	// One digit to each byte: halves move apart, then quarters, then digits.
	x := uint64(n)
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	// Digits from 10 on are letters: what is left of them above 0x0f after adding 6 is 1.
	letters := (x + 0x0606060606060606) >> 4 & 0x0101010101010101
	x += 0x3030303030303030 + letters*('a'-'9'-1)
	return bits.ReverseBytes64(x)
}

// putHex writes n to b without leading zeros and returns the number of its digits. b is at least 16 bytes
// long; what follows the digits is undefined.
func putHex(b []byte, n uint64) int {
	b = b[:16]
	if n < 1<<32 {
		digits := (bits.Len32(uint32(n)|1) + 3) / 4
		binary.LittleEndian.PutUint64(b, hexOf(uint32(n)<<(4*(8-digits))))
		return digits
	}
	digits := (bits.Len64(n) + 3) / 4
	n <<= 4 * (16 - digits)
	binary.LittleEndian.PutUint64(b, hexOf(uint32(n>>32)))
	binary.LittleEndian.PutUint64(b[8:], hexOf(uint32(n)))
	return digits
}

// putID writes the 32 hexadecimal digits of an identifier to b, which is at least that long.
func putID(b []byte, id *journal.ID128) int {
	b = b[:32]
	for i := 0; i < len(id); i += 4 {
		binary.LittleEndian.PutUint64(b[2*i:], hexOf(binary.BigEndian.Uint32(id[i:])))
	}
	return 32
}

// appendID appends the 32 hexadecimal digits of an identifier.
func appendID(b []byte, id journal.ID128) []byte {
	var digits [32]byte
	putID(digits[:], &id)
	return append(b, digits[:]...)
}

// putMicros writes the six digits of the fraction of a second to b, which is at least that long.
func putMicros(b []byte, n uint32) {
	b = b[:6]
	high, middle, low := 2*(n/10000), 2*(n/100%100), 2*(n%100)
	b[0], b[1] = decimalPairs[high], decimalPairs[high+1]
	b[2], b[3] = decimalPairs[middle], decimalPairs[middle+1]
	b[4], b[5] = decimalPairs[low], decimalPairs[low+1]
}

// appendMicros appends the six digits of the fraction of a second.
func appendMicros(b []byte, u journal.Usec) []byte {
	var digits [6]byte
	putMicros(digits[:], uint32(u%1e6))
	return append(b, digits[:]...)
}

// appendUsec appends a stamp as a decimal number.
func appendUsec(b []byte, u journal.Usec) []byte { return strconv.AppendUint(b, uint64(u), 10) }

// maxUsecBytes is what decimal.put needs at most.
const maxUsecBytes = 20

// decimal formats stamps as decimal numbers. It keeps the digits of the last second, since records come many
// to a second.
type decimal struct {
	second uint64
	digits []byte
}

// put writes u to b, which is at least maxUsecBytes long, and returns the number of its digits.
func (d *decimal) put(b []byte, u journal.Usec) int {
	b = b[:maxUsecBytes]
	second := uint64(u) / 1e6
	if second == 0 {
		return len(strconv.AppendUint(b[:0], uint64(u), 10))
	}
	if second != d.second {
		d.second = second
		d.digits = strconv.AppendUint(d.digits[:0], second, 10)
	}
	n := copy(b, d.digits)
	putMicros(b[n:], uint32(uint64(u)-second*1e6))
	return n + 6
}
