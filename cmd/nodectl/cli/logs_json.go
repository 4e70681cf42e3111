// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/base64"
	"strconv"

	"github.com/noded/noded/journal/output"
	"github.com/noded/noded/runtime/podlog"
)

// appendJSONHead appends what objects of one file have in common: what comes between the time and the stream. The
// contract of the objects is in docs/logs.md.
func appendJSONHead(b []byte, f *podlog.File) []byte {
	s := f.Source
	for _, member := range []struct{ name, value string }{
		{"node", s.Node}, {"namespace", s.Namespace}, {"pod", s.Pod}, {"pod_uid", s.UID}, {"container", s.Container}, {"container_id", s.ID},
	} {
		b = append(b, `,"`...)
		b = append(b, member.name...)
		b = append(b, `":`...)
		b, _ = output.AppendJSONString(b, []byte(member.value))
	}
	b = append(b, `,"run":`...)
	b = strconv.AppendUint(b, uint64(f.Run), 10)
	return append(b, `,"stream":"`...)
}

// appendJSON appends a record as an object on a line of its own.
func (p *logPrinter) appendJSON(b []byte, head *logHead, r *podlog.Record, text []byte, partial bool) []byte {
	if r.Time == 0 {
		b = append(b, `{"time":null`...)
	} else {
		b = append(b, `{"time":"`...)
		b = append(p.clock.append(b, r), '"')
	}
	b = append(b, head.json...)
	b = append(b, r.Stream.String()...)
	b = append(b, `","text":`...)
	b, exact := output.AppendJSONString(b, text)
	if !exact {
		b = append(b, `,"text_base64":"`...)
		b = base64.StdEncoding.AppendEncode(b, text)
		b = append(b, '"')
	}
	if partial {
		b = append(b, `,"partial":true`...)
	}
	if r.Unparsed {
		b = append(b, `,"unparsed":true`...)
	}
	return append(b, "}\n"...)
}
