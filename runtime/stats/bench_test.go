// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"
	"testing"
	"time"

	"github.com/noded/noded/runtime/inventory"
)

// BenchmarkLook is one look at a node of 110 pods with two containers and a sandbox each, and 90 units, without what the kernel takes.
func BenchmarkLook(b *testing.B) {
	for _, test := range []struct {
		name    string
		changes bool
	}{{"same", false}, {"changes", true}} {
		b.Run(test.name, func(b *testing.B) {
			w := newWorld()
			var pods []inventory.Pod
			for i := range 110 {
				uid := fmt.Sprintf("u%03d", i)
				parent := "/kubepods/pod" + uid
				w.put(parent, 0.2, 50<<20)
				w.put(parent+"/sandbox-"+uid, 0, 1<<20)
				var containers []inventory.Container
				for j := range 2 {
					id := fmt.Sprintf("c%03d%d", i, j)
					w.put(parent+"/"+id, 0.1, 25<<20)
					w.procs[1000+2*i+j] = &process{container: id, rx: 100}
					containers = append(containers, running(fmt.Sprintf("main%d", j), id, int32(1000+2*i+j)))
				}
				pods = append(pods, knownPod("prod", "web-"+uid, uid, containers...))
			}
			for i := range 90 {
				w.put(fmt.Sprintf("/system.slice/unit%02d.service", i), 0.01, 1<<20)
			}
			w.know(pods...)
			s := New(Config{Tree: fakeTree{w}, Host: fakeHost{w}, Inventory: fakeInventory{w}, History: nothing{}, Interval: time.Second, Now: w.wall})
			l := newLooker(s)
			defer l.close()
			now := time.Now()
			look := func() {
				w.asleep.Add(int64(time.Second))
				now = now.Add(time.Second)
				l.look(b.Context(), now, time.Second)
			}
			look()
			b.ReportAllocs()
			for b.Loop() {
				if test.changes {
					l.planned = false
				}
				look()
			}
			if n := len(s.current.Load().Usages); n != 110+220+90 {
				b.Fatalf("%d figures", n)
			}
		})
	}
}

// nothing is a History that keeps nothing.
type nothing struct{ *fakeHistory }

func (nothing) Append(string, time.Time, []HistoryValue) {}
func (nothing) Describe(string, []byte)                  {}
