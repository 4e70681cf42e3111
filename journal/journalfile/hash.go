// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile

import (
	"encoding/binary"
	"math/bits"

	"github.com/noded/noded/journal"
)

// hash is the hash by which the file finds a payload, keyed with the file's id or not.
func (h *Header) hash(payload []byte) uint64 {
	if h.Incompatible&FlagKeyedHash != 0 {
		return SipHash(h.FileID, payload)
	}
	return JenkinsHash(payload)
}

// SipHash is SipHash-2-4 (Aumasson, Bernstein, 2012), the hash of files with FlagKeyedHash; their key is the file's id.
func SipHash(key journal.ID128, p []byte) uint64 {
	le := binary.LittleEndian
	k0, k1 := le.Uint64(key[:8]), le.Uint64(key[8:])
	v0, v1 := k0^0x736f6d6570736575, k1^0x646f72616e646f6d
	v2, v3 := k0^0x6c7967656e657261, k1^0x7465646279746573
	round := func() {
		v0 += v1
		v1 = bits.RotateLeft64(v1, 13) ^ v0
		v0 = bits.RotateLeft64(v0, 32)
		v2 += v3
		v3 = bits.RotateLeft64(v3, 16) ^ v2
		v0 += v3
		v3 = bits.RotateLeft64(v3, 21) ^ v0
		v2 += v1
		v1 = bits.RotateLeft64(v1, 17) ^ v2
		v2 = bits.RotateLeft64(v2, 32)
	}
	last := uint64(len(p)) << 56
	for len(p) >= 8 {
		m := le.Uint64(p)
		p = p[8:]
		v3 ^= m
		round()
		round()
		v0 ^= m
	}
	for i, c := range p {
		last |= uint64(c) << (8 * i)
	}
	v3 ^= last
	round()
	round()
	v0 ^= last
	v2 ^= 0xff
	for range 4 {
		round()
	}
	return v0 ^ v1 ^ v2 ^ v3
}

// JenkinsHash is hashlittle2 of lookup3 (Bob Jenkins, 2006, public domain), its first result in
// the upper half. It is the hash of older files, and what entries' xor hashes are made of in all files.
func JenkinsHash(p []byte) uint64 {
	le := binary.LittleEndian
	a := 0xdeadbeef + uint32(len(p))
	b, c := a, a
	for len(p) > 12 {
		a += le.Uint32(p)
		b += le.Uint32(p[4:])
		c += le.Uint32(p[8:])
		a, b, c = jenkinsMix(a, b, c)
		p = p[12:]
	}
	if len(p) == 0 {
		return uint64(c)<<32 | uint64(b)
	}
	var tail [12]byte
	copy(tail[:], p)
	a += le.Uint32(tail[:])
	b += le.Uint32(tail[4:])
	c += le.Uint32(tail[8:])
	rot := bits.RotateLeft32
	c = (c ^ b) - rot(b, 14)
	a = (a ^ c) - rot(c, 11)
	b = (b ^ a) - rot(a, 25)
	c = (c ^ b) - rot(b, 16)
	a = (a ^ c) - rot(c, 4)
	b = (b ^ a) - rot(a, 14)
	c = (c ^ b) - rot(b, 24)
	return uint64(c)<<32 | uint64(b)
}

func jenkinsMix(a, b, c uint32) (uint32, uint32, uint32) {
	rot := bits.RotateLeft32
	a = (a - c) ^ rot(c, 4)
	c += b
	b = (b - a) ^ rot(a, 6)
	a += c
	c = (c - b) ^ rot(b, 8)
	b += a
	a = (a - c) ^ rot(c, 16)
	c += b
	b = (b - a) ^ rot(a, 19)
	a += c
	c = (c - b) ^ rot(b, 4)
	b += a
	return a, b, c
}
