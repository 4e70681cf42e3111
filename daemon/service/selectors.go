// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"fmt"
	"strings"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
)

// selectors summarises a query for the audit line, in the words of nodectl's flags.
func selectors(q *journal.Query) string {
	var s summary
	s.list("unit", q.Filter.Units)
	s.list("user-unit", q.Filter.UserUnits)
	s.list("identifier", q.Filter.Identifiers)
	s.list("exclude-identifier", q.Filter.ExcludeIdentifiers)
	s.list("transport", q.Filter.Transports)
	for i, group := range q.Filter.Matches {
		if i > 0 {
			s.word("+")
		}
		for _, t := range group {
			s.word(t.String())
		}
	}
	if q.Filter.Boot != nil {
		s.value("boot", q.Filter.Boot.String())
	}
	if q.Filter.Priorities != 0 {
		s.value("priorities", fmt.Sprintf("%08b", q.Filter.Priorities))
	}
	if n := len(q.Filter.Invocations); n > 0 {
		s.value("invocations", fmt.Sprint(n))
	}
	if n := len(q.Filter.Facilities); n > 0 {
		s.value("facilities", fmt.Sprint(q.Filter.Facilities))
	}
	if q.Filter.MaxLevel != journal.LevelUnknown {
		s.value("level", fmt.Sprint(q.Filter.MaxLevel))
	}
	s.value("grep", q.Filter.Grep)
	s.value("exclude", q.Filter.Exclude)
	if q.Since != nil {
		s.value("since", fmt.Sprintf("@%d", *q.Since))
	}
	if q.Until != nil {
		s.value("until", fmt.Sprintf("@%d", *q.Until))
	}
	s.value("cursor", string(q.Cursor))
	if q.Lines >= 0 {
		s.value("lines", fmt.Sprint(q.Lines))
	}
	s.flag("reverse", q.Reverse)
	s.flag("follow", q.Follow)
	return s.String()
}

func listSelectors(req *nodedv1.ListUnitsRequest) string {
	var s summary
	s.list("unit", req.GetPatterns())
	s.flag("user", req.GetUser())
	return s.String()
}

// maxSummary is where a summary stops to grow; the audit line cuts it anyway.
const maxSummary = 1024

type summary struct{ strings.Builder }

func (s *summary) word(w string) {
	if s.Len() > maxSummary {
		return
	}
	if s.Len() > 0 {
		s.WriteByte(' ')
	}
	s.WriteString(w[:min(len(w), maxSummary)])
}

func (s *summary) value(name, v string) {
	if v != "" {
		s.word(name + "=" + v)
	}
}

func (s *summary) list(name string, values []string) {
	for _, v := range values {
		s.value(name, v)
	}
}

func (s *summary) flag(name string, set bool) {
	if set {
		s.word(name)
	}
}
