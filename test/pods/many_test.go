// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pods_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/test/containerd"
	"github.com/noded/noded/test/containerd/lines"
)

// TestMany follows by a label while pods that have it come up and all their logs are rotated twice: of each container every line comes once
// and in order.
func TestMany(t *testing.T) {
	t.Parallel()
	eachRelease(t, func(w *world) {
		const pods, perContainer = 8, 400
		sel := inventory.LogSelector{Pods: &inventory.PodSelector{LabelSelector: "app=many"}, AllContainers: true}
		got, _ := w.follow(sel, nil)
		var writers []*containerd.RunningContainer
		for i := range pods {
			pod := w.RunPod(containerd.Pod{Name: "many-" + strconv.Itoa(i), HostNetwork: true, Labels: map[string]string{"app": "many"}})
			for _, name := range []string{"a", "b"} {
				writers = append(writers, w.start(pod, name, fmt.Sprintf("lines:%d@100", perContainer), "pause"))
			}
		}
		for range 2 {
			for _, c := range writers {
				w.rotate(c)
			}
		}
		got.until(w.T, "all lines", func() bool { return len(got.records) >= perContainer*len(writers) })
		last := make(map[string]int)
		for _, r := range got.records {
			if n, ok := lines.Number(r.text); !ok || n != last[r.source]+1 {
				w.T.Fatalf("%s: %q after number %d", r.source, r.text, last[r.source])
			}
			last[r.source]++
		}
		if len(last) != len(writers) || len(got.gaps) > 0 {
			w.T.Errorf("%d containers, gaps %+v", len(last), got.gaps)
		}
	})
}
