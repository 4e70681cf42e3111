// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"hash/fnv"

	"github.com/noded/noded/runtime/podlog"
)

// The terminal sequences of prefixes and matches.
const (
	sgrReset = "\x1b[0m"
	sgrMatch = "\x1b[0;1;31m"
)

// prefixColors are the colours of pods and of their containers: the bright and the plain one of each.
func prefixColors() [][2]string {
	return [][2]string{
		{"\x1b[96m", "\x1b[36m"}, {"\x1b[92m", "\x1b[32m"}, {"\x1b[95m", "\x1b[35m"},
		{"\x1b[93m", "\x1b[33m"}, {"\x1b[94m", "\x1b[34m"}, {"\x1b[91m", "\x1b[31m"},
	}
}

// colorsOf returns the colours of a pod, which are the same in every run of nodectl.
func colorsOf(name string) (pod, container string) {
	all := prefixColors()
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	pair := all[h.Sum32()%uint32(len(all))]
	return pair[0], pair[1]
}

// appendPrefix appends [pod/NAME/CONTAINER] and a space, as kubectl has it; with namespaces it is [NAMESPACE/pod/NAME/CONTAINER]. A
// container that is in no pod is [container/NAME], a unit [unit/NAME].
func (p *logPrinter) appendPrefix(b []byte, s *podlog.Source) []byte {
	end := ""
	podColor, containerColor := "", ""
	if p.o.color {
		name := s.Pod
		if name == "" {
			name = s.Container
		}
		podColor, containerColor = colorsOf(name)
		end = sgrReset
	}
	word := func(color, text string) {
		b = append(b, color...)
		b = append(b, visible(text)...)
		b = append(b, end...)
	}
	b = append(b, '[')
	if p.o.namespaces && s.Namespace != "" {
		b = append(b, visible(s.Namespace)...)
		b = append(b, '/')
	}
	switch {
	case p.o.unit:
		b = append(b, "unit/"...)
	case s.Pod == "":
		b = append(b, "container/"...)
	default:
		b = append(b, "pod/"...)
		word(podColor, s.Pod)
		b = append(b, '/')
	}
	word(containerColor, s.Container)
	return append(b, "] "...)
}
