// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
)

// form is what an output is made of.
type form int

const (
	// lines: every entry is a line.
	lines form = iota
	// objects: every entry is a line of JSON, whose members may stand in any order.
	objects
	// export: every entry ends with an empty line.
	export
)

// digest is an io.Writer that tells whether two outputs say the same. It does not keep them.
type digest struct {
	form    form
	seed    maphash.Seed
	sum     uint64
	entries int
	rest    []byte // a line that has not ended yet
	err     error
}

func newDigest(f form, seed maphash.Seed) *digest { return &digest{form: f, seed: seed} }

// Write implements io.Writer.
func (d *digest) Write(p []byte) (int, error) {
	n := len(p)
	for d.err == nil {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			d.rest = append(d.rest, p...)
			break
		}
		line := p[:end]
		if len(d.rest) > 0 {
			d.rest = append(d.rest, line...)
			line = d.rest
		}
		d.line(line)
		d.rest = d.rest[:0]
		p = p[end+1:]
	}
	return n, d.err
}

func (d *digest) line(line []byte) {
	if d.form != export || len(line) == 0 {
		d.entries++
	}
	var h uint64
	if d.form == objects {
		h, d.err = d.object(line)
	} else {
		h = maphash.Bytes(d.seed, line)
	}
	// Lines in another order are another output.
	d.sum = d.sum*0x9e3779b97f4a7c15 + h
}

// object returns the sum of the hashes of a JSON object's members, which their order does not change.
func (d *digest) object(line []byte) (uint64, error) {
	if len(line) < 2 || line[0] != '{' || line[len(line)-1] != '}' {
		return 0, fmt.Errorf("not a JSON object: %.100q", line)
	}
	sum := uint64(len(line))
	members := line[1 : len(line)-1]
	for len(members) > 0 {
		n, err := memberEnd(members)
		if err != nil {
			return 0, fmt.Errorf("%w: %.100q", err, line)
		}
		sum += maphash.Bytes(d.seed, members[:n])
		members = members[min(n+1, len(members)):]
	}
	return sum, nil
}

var errUnbalanced = errors.New("JSON that does not end")

// memberEnd returns where the first member of an object ends.
func memberEnd(b []byte) (int, error) {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			n := stringEnd(b[i+1:])
			if n < 0 {
				return 0, errUnbalanced
			}
			i += 1 + n
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case ',':
			if depth == 0 {
				return i, nil
			}
		}
	}
	if depth != 0 {
		return 0, errUnbalanced
	}
	return len(b), nil
}

// stringEnd returns where the quotation mark is that ends a string, or -1.
func stringEnd(b []byte) int {
	for from := 0; ; {
		n := bytes.IndexByte(b[from:], '"')
		if n < 0 {
			return -1
		}
		end := from + n
		backslashes := 0
		for backslashes < end && b[end-1-backslashes] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return end
		}
		from = end + 1
	}
}
