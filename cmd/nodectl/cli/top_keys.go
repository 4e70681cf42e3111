// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/gdamore/tcell/v2"

	"github.com/noded/noded/runtime/stats"
)

// maxFilter is how long a filter can be, in bytes.
const maxFilter = 64

// liveViews are the views in the order in which the tabulator goes through them.
func liveViews() []stats.Kind {
	return []stats.Kind{stats.KindPod, stats.KindContainer, stats.KindUnit, stats.KindNode}
}

// handle does what an event asks for; end tells that the screen is left.
func (s *liveScreen) handle(event tcell.Event) (end bool, err error) {
	switch e := event.(type) {
	case *tcell.EventResize:
		s.screen.Sync()
	case *tcell.EventError:
		return true, e
	case *tcell.EventKey:
		switch {
		case e.Key() == tcell.KeyCtrlC:
			return true, nil
		case e.Key() == tcell.KeyCtrlZ:
			return false, s.stop()
		case e.Key() == tcell.KeyCtrlL:
			s.screen.Sync()
		case s.typing:
			s.typeKey(e)
		case s.help:
			s.help = false
			return e.Key() == tcell.KeyRune && e.Rune() == 'q', nil
		default:
			return s.key(e), nil
		}
	}
	return false, nil
}

// key does what a key means; end tells that the screen is left.
func (s *liveScreen) key(e *tcell.EventKey) (end bool) {
	switch e.Key() {
	case tcell.KeyEscape:
		s.filter = ""
	case tcell.KeyTab:
		s.turn(1)
	case tcell.KeyBacktab:
		s.turn(-1)
	case tcell.KeyUp:
		s.first--
	case tcell.KeyDown:
		s.first++
	case tcell.KeyPgUp:
		s.first -= s.page
	case tcell.KeyPgDn:
		s.first += s.page
	case tcell.KeyHome:
		s.first = 0
	case tcell.KeyEnd:
		s.first = maxRows
	case tcell.KeyRune:
		return s.letter(e.Rune())
	default:
	}
	return false
}

// maxRows is more than there are.
const maxRows = 1 << 30

// letter does what a letter means.
func (s *liveScreen) letter(r rune) (end bool) {
	switch r {
	case 'q':
		return true
	case 'c':
		s.order(sortByCPU)
	case 'm':
		s.order(sortByMemory)
	case 'n':
		s.order(sortByNetwork)
	case 'd':
		s.order(sortByDisk)
	case 's':
		s.order(sortBySwap)
	case 'a':
		s.order("")
	case 'p':
		s.show(stats.KindPod)
	case 'o':
		s.show(stats.KindContainer)
	case 'u':
		s.show(stats.KindUnit)
	case '/':
		s.typing, s.filter = true, ""
	case ' ':
		s.pause()
	case '?':
		s.help = true
	}
	return false
}

// order changes the order of the rows.
func (s *liveScreen) order(by string) { s.sortBy, s.first = by, 0 }

// turn goes to the next view, or the one before.
func (s *liveScreen) turn(by int) {
	views := liveViews()
	s.show(views[(slices.Index(views, s.view)+by+len(views))%len(views)])
}

// typeKey takes a key while the filter is typed.
func (s *liveScreen) typeKey(e *tcell.EventKey) {
	s.first = 0
	switch e.Key() {
	case tcell.KeyEnter:
		s.typing = false
	case tcell.KeyEscape:
		s.typing, s.filter = false, ""
	case tcell.KeyBackspace, tcell.KeyBackspace2:
		_, size := utf8.DecodeLastRuneInString(s.filter)
		s.filter = s.filter[:len(s.filter)-size]
	case tcell.KeyRune:
		if unicode.IsPrint(e.Rune()) && len(s.filter) < maxFilter {
			s.filter += string(e.Rune())
		}
	default:
	}
}
