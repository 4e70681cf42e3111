// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"sync"
	"time"

	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/history"
	"github.com/noded/noded/runtime/stats/metric"
)

// History makes a History of a store; nil of nil.
func History(s *history.Store) stats.History {
	if s == nil {
		return nil
	}
	return &store{Store: s}
}

type store struct {
	*history.Store
	// mu guards the field below, which is used again and again.
	mu     sync.Mutex
	values []history.Value
}

// Append implements stats.History.
func (s *store) Append(entity string, t time.Time, values []stats.HistoryValue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values = s.values[:0]
	for _, v := range values {
		s.values = append(s.values, history.Value(v))
	}
	s.Store.Append(entity, t, s.values)
}

// Summarize implements stats.History.
func (s *store) Summarize(entity string, id metric.ID, from, to time.Time, points int) (stats.Summary, bool) {
	sum, ok := s.Store.Summarize(entity, id, from, to, points)
	return stats.Summary(sum), ok
}
