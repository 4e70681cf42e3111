// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// ID128 is a 128-bit identifier as sd-id128(3) defines it: a boot, a machine, a
// message type, an invocation or a sequence of journal files. The zero value
// means "none".
type ID128 [16]byte

// ParseID128 reads 32 hexadecimal digits, plain or in UUID form with dashes.
func ParseID128(s string) (ID128, error) {
	var id ID128
	plain := s
	if len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' {
		plain = strings.ReplaceAll(s, "-", "")
	}
	if len(plain) != 32 {
		return ID128{}, fmt.Errorf("identifier %q: want 32 hexadecimal digits", s)
	}
	if _, err := hex.Decode(id[:], []byte(plain)); err != nil {
		return ID128{}, fmt.Errorf("identifier %q: want 32 hexadecimal digits", s)
	}
	return id, nil
}

// String returns the 32 lower-case hexadecimal digits of the identifier.
func (id ID128) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether the identifier is the zero value.
func (id ID128) IsZero() bool { return id == ID128{} }
