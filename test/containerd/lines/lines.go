// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package lines makes the lines that containers of tests write: numbered, with a checksum, of any length.
package lines

import (
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// Least is the length of the shortest line, and of those of package workload that have no length of their own.
const Least = len("line 0000000001 00000000")

// Make returns line n of a container, in so many bytes, but at least Least. A newline is not part of it.
func Make(n, length int) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	var pad strings.Builder
	if length > Least {
		pad.WriteByte(' ')
		for i := Least + 1; i < length; i++ {
			pad.WriteByte(alphabet[(n+i)%len(alphabet)])
		}
	}
	sum := crc32.ChecksumIEEE([]byte(strconv.Itoa(n) + pad.String()))
	return fmt.Sprintf("line %010d %08x%s", n, sum, pad.String())
}

// Number returns the number of a line that Make made. ok is false if it is damaged, or something else.
func Number(line string) (n int, ok bool) {
	if len(line) < Least || !strings.HasPrefix(line, "line ") {
		return 0, false
	}
	n, err := strconv.Atoi(line[5:15])
	return n, err == nil && line == Make(n, len(line))
}
