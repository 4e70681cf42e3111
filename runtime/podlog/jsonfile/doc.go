// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package jsonfile reads the lines of the files that Docker's json-file log driver writes:
//
//	{"log":"hello\n","stream":"stdout","time":"2026-11-23T20:34:05.769816978Z"}
//
// It accepts what encoding/json and time.Parse accept, and gives the same values, but takes a shortcut for lines that look as Docker
// writes them.
//
//	var line jsonfile.Line
//	var scratch []byte
//	for text := range lines {
//		var err error
//		if scratch, err = jsonfile.Parse(text, scratch, &line); err != nil {
//			...
//		}
//	}
//
// # Security
//
// A line is attacker input as far as its text goes. No line makes Parse panic, or need more memory than a small multiple of its length.
package jsonfile
