// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"fmt"
	"sync"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/engines"
)

// sizedEngine is the engine that journal.engine names. It reads no entry that is larger than what may be sent at the time when the
// journal is opened: whoever may log can write entries of hundreds of megabytes, which every call would decode only to
// drop them. It is safe for concurrent use.
type sizedEngine struct {
	name string
	// most is limits.max_record_bytes, which a reload can change.
	most func() int

	// mu guards the fields below: the engine, and the size that it was made for.
	mu     sync.Mutex
	engine journal.Engine
	size   int
}

func newSizedEngine(name string, most func() int) (*sizedEngine, error) {
	e := &sizedEngine{name: name, most: most}
	if _, err := e.get(); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *sizedEngine) get() (journal.Engine, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if size := e.most(); e.engine == nil || e.size != size {
		engine, err := engines.New(e.name, engines.MaxEntryBytes(size))
		if err != nil {
			return nil, fmt.Errorf("journal.engine: %w", err)
		}
		e.engine, e.size = engine, size
	}
	return e.engine, nil
}

// Name implements journal.Engine.
func (e *sizedEngine) Name() string { return e.name }

// Open implements journal.Engine.
func (e *sizedEngine) Open(ctx context.Context, source journal.Source) (journal.Reader, error) {
	engine, err := e.get()
	if err != nil {
		return nil, err
	}
	return engine.Open(ctx, source)
}
