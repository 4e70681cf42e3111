// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"testing"
	"time"

	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/history"
	"github.com/noded/noded/runtime/stats/metric"
)

func TestHistory(t *testing.T) {
	t.Parallel()
	h := History(history.New(history.Config{}))
	began := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	values := []stats.HistoryValue{{ID: metric.CPUUsage, V: 0}, {ID: metric.MemoryWorkingSet, V: 7}}
	for i := range 4 {
		values[0].V = float64(i * 1000) // the store keeps none of the slice
		h.Append("container/c1", began.Add(time.Duration(i)*10*time.Second), values)
	}
	h.Describe("container/c1", []byte("about"))
	s, ok := h.Summarize("container/c1", metric.CPUUsage, began, began.Add(time.Minute), 2)
	if !ok || s.Samples != 4 || s.Min != 0 || s.Max != 3000 || s.LastValue != 3000 || len(s.Points) != 2 || !s.First.Equal(began) {
		t.Errorf("Summarize() = %+v, %v", s, ok)
	}
	if e := h.Entities(); len(e) != 1 || e[0] != "container/c1" || string(h.About("container/c1")) != "about" || !h.Oldest().Equal(began) {
		t.Errorf("Entities() = %v, about %q, oldest %v", e, h.About("container/c1"), h.Oldest())
	}
}
