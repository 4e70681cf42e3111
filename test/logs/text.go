// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
)

// headBytes is the length of what begins the text of a line that has room for it: its number and the checksum of the rest.
const headBytes = len("0000000001 01234567 ")

// longest is the length of the longest line that a Generator makes.
const longest = 3 << 20

// Line is one line to be written.
type Line struct {
	// Stderr: to standard error rather than to standard output.
	Stderr bool
	// Text is without a newline. It is valid until the next call of Next.
	Text []byte
	// Open: the program wrote no newline at its end.
	Open bool
}

// Generator makes lines of 1 byte to 3 MiB: most are short, some longer than the 16 KiB at which runtimes split, a few longer
// than what readers keep in memory. The same seed gives the same lines. It belongs to one goroutine.
type Generator struct {
	random *rand.Rand
	number uint64
	// filling is what texts are cut from.
	filling []byte
	text    []byte
	// plain: no byte that is not printable ASCII, as JSON would change it.
	plain bool
}

// NewGenerator returns a generator. plain restricts texts to what is the same in JSON.
func NewGenerator(seed uint64, plain bool) *Generator {
	g := &Generator{random: rand.New(rand.NewPCG(seed, 0x10c5)), plain: plain}
	g.filling = make([]byte, longest+(64<<10))
	for i := range g.filling {
		g.filling[i] = byte(' ' + g.random.IntN(95))
		if !plain && g.random.IntN(500) == 0 {
			g.filling[i] = "\x00\r\t\x1b\x9b\xff\x80\xc3"[g.random.IntN(8)]
		}
	}
	return g
}

// size returns the length of the next line.
func (g *Generator) size() int {
	switch r := g.random.IntN(10_000); {
	case r < 1:
		return 1<<20 + g.random.IntN(longest-1<<20)
	case r < 30:
		return 16<<10 + g.random.IntN(48<<10)
	case r < 36:
		return 16<<10 - 1 + g.random.IntN(3) // around the length at which runtimes split
	case r < 300:
		return 300 + g.random.IntN(4000)
	case r < 400:
		return 1
	case r < 410:
		return 0
	case r < 1000:
		return 1 + g.random.IntN(headBytes)
	default:
		return headBytes + 20 + g.random.IntN(200)
	}
}

// Next returns the next line.
func (g *Generator) Next() Line { return g.sized(g.size()) }

func (g *Generator) sized(size int) Line {
	g.number++
	from := g.random.IntN(len(g.filling) - size)
	rest := g.filling[from : from+size]
	g.text = g.text[:0]
	if size > headBytes {
		rest = rest[headBytes:]
		g.text = fmt.Appendf(g.text, "%010d %08x ", g.number, crc32.ChecksumIEEE(rest))
	}
	g.text = append(g.text, rest...)
	return Line{Stderr: g.random.IntN(4) == 0, Text: g.text}
}
