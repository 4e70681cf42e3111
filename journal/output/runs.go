// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import "github.com/noded/noded/journal"

// slotOf returns what the Printer has made of the record's run; nil if it has none, or one of too many names.
func (p *Printer) slotOf(r *journal.Record) *runSlot {
	run := r.Run
	if run == nil || len(run.Fields) > len(r.Fields) {
		return nil
	}
	if s := p.cache.run(run); s != nil {
		return s
	}
	s := &runSlot{id: run.ID, length: len(run.Fields)}
	s.line.add(run.Fields)
	s.line.ownSource = false
	switch p.o.Mode {
	case Verbose, Export, JSON, JSONPretty, JSONSSE, JSONSeq:
		if !p.addNames(&s.names, run.Fields) {
			return nil
		}
		s.text = p.appendAllFields(nil, run.Fields)
	default:
		f := sourceFieldsOf(run.Fields)
		s.source, s.columns = p.appendSource(nil, &f)
	}
	p.cache.addRun(s)
	return s
}

// addNames adds the names of the fields that are printed to a set. It reports false if they are too many.
func (p *Printer) addNames(set *nameSet, fields []journal.Field) bool {
	for i := range fields {
		n := p.nameOf(fields[i].Name)
		if n == nil {
			return false
		}
		if n.printed {
			set.add(n)
		}
	}
	return true
}
