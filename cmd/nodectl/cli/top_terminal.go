// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"

	"github.com/gdamore/tcell/v2"
	"github.com/gdamore/tcell/v2/terminfo"
	"github.com/mattn/go-runewidth"
)

// terminalOf returns the description of a terminal by the value of TERM; nil if it can only print. One of a name that nobody knows is taken
// for like xterm, as all that have come up since are: tcell would run a program to look for its description.
func terminalOf(name string) *terminfo.Terminfo {
	if name == "" || name == "dumb" || name == "unknown" {
		return nil
	}
	if known, err := terminfo.LookupTerminfo(name); err == nil {
		return known
	}
	xterm, err := terminfo.LookupTerminfo("xterm-256color")
	if err != nil {
		return nil
	}
	like := *xterm
	// Without what not all of them have.
	like.Name, like.XTermLike = name, false
	return &like
}

// openScreen takes the terminal over. The caller ends that with Fini.
func openScreen(terminal *terminfo.Terminfo) (tcell.Screen, error) {
	// What a locale without UTF-8 lacks is shown as question marks.
	tcell.SetEncodingFallback(tcell.EncodingFallbackASCII)
	screen, err := tcell.NewTerminfoScreenFromTtyTerminfo(nil, terminal)
	if err == nil {
		err = screen.Init()
	}
	if err != nil {
		return nil, &hintError{err: fmt.Errorf("open the terminal: %w", err), hint: "nodectl top ... --watch | cat, which needs none"}
	}
	return screen, nil
}

// isUTF8 reports whether that is a name of UTF-8, of which there are some in locales: UTF-8, utf8.
func isUTF8(charset string) bool {
	return strings.EqualFold(strings.ReplaceAll(charset, "-", ""), "utf8")
}

// cellWidth measures in cells, as tcell does whatever the locale: what is wide in some East Asian fonts only is not.
func cellWidth() *runewidth.Condition { return &runewidth.Condition{StrictEmojiNeutral: true} }
