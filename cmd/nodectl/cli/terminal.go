// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// isTerminal reports whether what is written to w reaches a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// useColor decides by --color, NO_COLOR, the terminal, in this order.
func (g *globals) useColor() bool {
	switch g.color {
	case "always":
		return true
	case "never":
		return false
	}
	f, ok := g.Out.(*os.File)
	return ok && g.Getenv("NO_COLOR") == "" && g.Getenv("TERM") != "dumb" && isTerminal(f) && enableEscapes(f)
}

// columns returns the width of the output: of the terminal, else COLUMNS, else 80.
func (g *globals) columns() int {
	if n, err := strconv.Atoi(g.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if f, ok := g.Out.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}

// visible makes text that others wrote safe for a diagnostic line: control characters are shown as
// escapes.
func visible(s string) string {
	safe := func(r rune) bool {
		return r == '\t' || r >= 0x20 && r != 0x7f && (r < 0x80 || r > 0x9f) && r != 0xfffd && strconv.IsPrint(r)
	}
	if strings.IndexFunc(s, func(r rune) bool { return !safe(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if safe(r) {
			b.WriteRune(r)
		} else {
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}
