// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/noded/noded/runtime/stats/metric"
)

// load makes up what a node does: half of the entities are busy, the others nearly idle.
type load struct {
	r *rand.Rand
	// memory are the pages of each entity.
	memory map[int]int
	buffer []Value
}

func newLoad(seed uint64) *load {
	return &load{r: rand.New(rand.NewPCG(seed, 7)), memory: map[int]int{}}
}

// noise is about a value, give or take a fifth, in whole numbers.
func (l *load) noise(about int) float64 { return float64(about*4/5 + l.r.IntN(about*2/5+1)) }

// sometimes is noise one time in n, or else 0.
func (l *load) sometimes(n, about int) float64 {
	if l.r.IntN(n) > 0 {
		return 0
	}
	return l.noise(about)
}

// values are 12 metrics of an entity, valid until the next call.
func (l *load) values(entity int) []Value {
	pages, ok := l.memory[entity]
	if !ok {
		pages = 1000 + l.r.IntN(200_000)
	}
	busy := entity%2 == 0
	often, cpu := 20, 400
	if busy {
		often, cpu = 2, 120_000
	}
	if l.r.IntN(often) == 0 {
		pages = max(pages+l.r.IntN(65)-32, 100)
	}
	l.memory[entity] = pages
	const page = 4096
	l.buffer = append(l.buffer[:0],
		Value{metric.CPUUsage, l.noise(cpu)},
		Value{metric.CPUThrottled, l.sometimes(10*often, 5000)},
		Value{metric.MemoryUsage, float64(pages * page)},
		Value{metric.MemoryWorkingSet, float64((pages - pages/8) * page)},
		Value{metric.MemoryRSS, float64(pages / 2 * page)},
		Value{metric.MemorySwap, 0},
		Value{metric.MemoryMajorFaults, l.sometimes(20*often, 3000)},
		Value{metric.Processes, float64(5 + entity%20 + l.r.IntN(20*often)/(20*often-1))},
		Value{metric.IOReadBytes, l.sometimes(10*often, 1<<20)},
		Value{metric.IOWriteBytes, l.sometimes(2*often, 200_000)},
		Value{metric.NetworkReceiveBytes, l.sometimes(often/2, 50*cpu/100)},
		Value{metric.NetworkTransmitBytes, l.sometimes(often/2, 30*cpu/100)},
	)
	return l.buffer
}

// node fills stores with the load of a node.
type node struct {
	store    *Store
	now      time.Time
	interval time.Duration
	load     *load
	names    []string
}

const (
	nodeEntities = 430
	nodeMetrics  = 12
)

func newNode(c Config, interval time.Duration) *node {
	n := &node{now: noon, interval: interval, load: newLoad(1)}
	c.Now = func() time.Time { return n.now }
	n.store = New(c)
	for i := range nodeEntities {
		n.names = append(n.names, fmt.Sprintf("container/%064x", i))
	}
	return n
}

func (n *node) look() {
	n.now = n.now.Add(n.interval)
	for i, name := range n.names {
		n.store.Append(name, n.now, n.load.values(i))
	}
}

var intervals = []time.Duration{time.Second, 10 * time.Second}

// BenchmarkFill keeps the default retention of a node of 430 entities of 12 metrics: what a sample and what all of them take, and how
// far back the default of MaxBytes reaches.
func BenchmarkFill(b *testing.B) {
	for _, interval := range intervals {
		b.Run(interval.String(), func(b *testing.B) {
			b.ReportAllocs()
			var bytes, samples, reach float64
			for b.Loop() {
				n := newNode(Config{MaxBytes: 1 << 30}, interval)
				for range int(DefaultRetention / interval) {
					n.look()
				}
				bytes = float64(n.store.Bytes())
				samples = float64(DefaultRetention/interval) * nodeEntities * nodeMetrics
				b.StopTimer()
				reach = reaches(interval).Minutes()
				b.StartTimer()
			}
			b.ReportMetric(bytes, "total-bytes")
			b.ReportMetric(bytes/samples, "bytes/sample")
			b.ReportMetric(reach, "min-in-16MiB")
		})
	}
}

// reaches returns how old the oldest sample is that is kept of all entities when the default of MaxBytes is full.
func reaches(interval time.Duration) time.Duration {
	n := newNode(Config{Retention: 24 * time.Hour}, interval)
	n.store.span = DefaultRetention.Milliseconds() / 4
	for n.store.Oldest().IsZero() || n.store.Oldest().Equal(noon.Add(interval)) {
		n.look()
	}
	return n.now.Sub(n.store.Oldest())
}

func BenchmarkAppend(b *testing.B) {
	for _, interval := range intervals {
		b.Run(interval.String(), func(b *testing.B) {
			n := newNode(Config{}, interval)
			for range 100 {
				n.look()
			}
			// Made up before: it takes longer than to append it.
			var values [64][]Value
			for i := range values {
				values[i] = append([]Value(nil), n.load.values(i)...)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if i%nodeEntities == 0 {
					n.now = n.now.Add(interval)
				}
				n.store.Append(n.names[i%nodeEntities], n.now, values[i*7%len(values)])
				i++
			}
		})
	}
}

func BenchmarkSummarize(b *testing.B) {
	for _, interval := range intervals {
		n := newNode(Config{}, interval)
		for range int(DefaultRetention / interval) {
			n.look()
		}
		for _, window := range []time.Duration{time.Minute, DefaultRetention} {
			b.Run(fmt.Sprintf("%v/%v", interval, window), func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if _, ok := n.store.Summarize(n.names[i%nodeEntities], metric.CPUUsage, n.now.Add(-window), n.now.Add(1), 60); !ok {
						b.Fatal("nothing")
					}
					i++
				}
			})
		}
	}
}
