// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"strings"
	"testing"

	"github.com/moby/sys/mountinfo"
)

// FuzzMountinfo compares with the parser that container runtimes use. That one takes nothing of a file with one bad line.
func FuzzMountinfo(f *testing.F) {
	seed(f, "1/mountinfo", "self/mountinfo")
	f.Fuzz(func(t *testing.T, data []byte) {
		got := parseMountinfo(data)
		if m, ok := mountOf(got, "/var/lib/kubelet"); ok && !within("/var/lib/kubelet", m.point) {
			t.Errorf("/var/lib/kubelet is on %+v", m)
		}
		if found := filesystems(got); len(found) > len(got) {
			t.Errorf("%d filesystems of %d mounts", len(found), len(got))
		}
		for _, line := range strings.Split(string(data), "\n") {
			m, ok := parseMount(line)
			want, err := mountinfo.GetMountsFromReader(strings.NewReader(line), nil)
			if err != nil || len(want) != 1 || !ok {
				continue
			}
			w := want[0]
			// It looks for the dash from the end, joins fields that are empty, and knows the escapes of Go, too.
			if strings.Count(line, " -") > 1 || strings.Contains(line, "  ") || strings.ContainsAny(line, "\"\r\\") {
				continue
			}
			if m.root != w.Root || m.point != w.Mountpoint || m.kind != w.FSType || m.source != w.Source || m.id != uint64(w.ID) {
				t.Errorf("parseMount(%q) = %+v, want %+v", line, m, w)
			}
		}
	})
}
