// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import "github.com/noded/noded/journal"

// appendCat appends the bare message, or the bare values of the fields that OutputFields names.
func (p *Printer) appendCat(b []byte, r *journal.Record) []byte {
	var colors palette
	if p.o.Color {
		priority, _ := r.Get(fieldPriority)
		colors = paletteOf(priorityOf(priority))
	}
	if len(p.o.OutputFields) == 0 {
		return p.appendCatField(b, r, fieldMessage, colors)
	}
	for _, name := range p.o.OutputFields {
		b = p.appendCatField(b, r, name, colors)
	}
	return b
}

func (p *Printer) appendCatField(b []byte, r *journal.Record, name string, colors palette) []byte {
	value, ok := r.Get(name)
	if !ok {
		return b
	}
	if p.o.Visible {
		value = p.makeVisible(value, true)
	}
	if name != fieldMessage {
		b = append(b, colors.on...)
		b = append(b, value...)
		b = append(b, colors.off...)
		return append(b, '\n')
	}
	start, end := 0, 0
	if p.o.Color && p.o.Highlight != nil {
		if from, to, ok := p.o.Highlight(value); ok && from >= 0 && from <= to && to <= len(value) {
			start, end = from, to
		}
	}
	b = append(b, colors.on...)
	b = append(b, value[:start]...)
	b = append(b, colors.match...)
	b = append(b, value[start:end]...)
	b = append(b, colors.on...)
	b = append(b, value[end:]...)
	b = append(b, colors.off...)
	return append(b, '\n')
}
