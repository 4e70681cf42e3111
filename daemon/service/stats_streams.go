// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
	"github.com/noded/noded/runtime/stats"
)

const (
	// keepStream is how long a stream is kept after its end, and maxKeptStreams how many are.
	keepStream     = 2 * time.Minute
	maxKeptStreams = 64
	// maxStreamBytes is how much of what was sent is kept of one stream, and maxStreamsBytes of all. A look at 220 containers has about 2 KiB.
	maxStreamBytes  = 256 << 10
	maxStreamsBytes = 4 << 20
	// tokenBytes is the length of what names a stream: more than anybody can guess.
	tokenBytes = 16
)

// errTakenOver is the cause with which a stream ends that another one goes on with.
var errTakenOver = errors.New("another stream goes on with this one")

// statsStreams keeps what the receivers of streams know: of those that run, and for a while of those that have ended, so that they can go on.
// Nothing says which message of a stream was the last one to arrive, so the latest messages are kept as well, and what did not arrive
// is sent again. It is safe for concurrent use.
type statsStreams struct {
	// mu guards the fields below, and those of all streams.
	mu      sync.Mutex
	streams map[string]*statsStream
	// ended are those that nobody reads, the one that ended first at the front.
	ended []*statsStream
	bytes int
}

// statsStream is one of them.
type statsStream struct {
	token   string
	uid     uint32
	query   wire.StatsWatchQuery
	encoder *wire.StatsWatchEncoder
	// kept are the latest messages, encoded; the last one is the one with the number of the encoder. bytes is their size.
	kept  [][]byte
	bytes int
	// reader is the call that reads it; nil for none. expire is running then.
	reader *statsReader
	expire *time.Timer
}

// statsReader is a call of Watch.
type statsReader struct {
	stream *statsStream
	cancel context.CancelCauseFunc
}

func newStatsStreams() *statsStreams { return &statsStreams{streams: make(map[string]*statsStream)} }

// begin makes a stream for a call. cancel ends the call when another one goes on with the stream.
func (s *statsStreams) begin(c wire.StatsWatchConfig, uid uint32, q wire.StatsWatchQuery, cancel context.CancelCauseFunc) *statsReader {
	random := make([]byte, tokenBytes)
	// It never fails.
	_, _ = rand.Read(random)
	c.Token = base64.RawURLEncoding.EncodeToString(random)
	stream := &statsStream{token: c.Token, uid: uid, query: q, encoder: wire.NewStatsWatchEncoder(c)}
	stream.reader = &statsReader{stream: stream, cancel: cancel}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams[stream.token] = stream
	return stream.reader
}

// resume makes a call the reader of an earlier stream, from the message after sequence on, and returns the messages that it does not have.
// It returns nil if that cannot be: a stream that is not known, of another user, or that asked for something else; or messages that are
// not kept.
func (s *statsStreams) resume(token string, sequence uint64, uid uint32, q wire.StatsWatchQuery, cancel context.CancelCauseFunc) (*statsReader, [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stream := s.streams[token]
	if stream == nil || stream.uid != uid || !slices.Equal(stream.query.Kinds, q.Kinds) || !slices.Equal(stream.query.Metrics, q.Metrics) {
		return nil, nil
	}
	last := stream.encoder.Sequence()
	if sequence == 0 || sequence > last || last-sequence > uint64(len(stream.kept)) {
		return nil, nil
	}
	if stream.reader != nil {
		stream.reader.cancel(errTakenOver)
	} else {
		stream.expire.Stop()
		s.ended = slices.DeleteFunc(s.ended, func(e *statsStream) bool { return e == stream })
	}
	stream.reader = &statsReader{stream: stream, cancel: cancel}
	return stream.reader, slices.Clone(stream.kept[len(stream.kept)-int(last-sequence):])
}

// next returns the message for a snapshot, nil if the last message had it already. The error is errTakenOver.
func (s *statsStreams) next(r *statsReader, snapshot *stats.Snapshot, interval time.Duration) (*nodedv1.StatsServiceWatchResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stream := r.stream
	if stream.reader != r {
		return nil, errTakenOver
	}
	if stream.encoder.Sequence() > 0 && stream.encoder.Look() == snapshot.Sequence {
		return nil, nil
	}
	m := stream.encoder.Encode(snapshot, interval)
	data, err := proto.Marshal(m)
	if err != nil {
		return nil, err
	}
	stream.kept = append(stream.kept, data)
	s.grow(stream, len(data))
	share := min(maxStreamBytes, maxStreamsBytes/len(s.streams))
	for len(stream.kept) > 0 && stream.bytes > share {
		s.grow(stream, -len(stream.kept[0]))
		stream.kept = slices.Delete(stream.kept, 0, 1)
	}
	s.bound()
	return m, nil
}

// end keeps the stream of a call that has ended for a while, unless another call reads it.
func (s *statsStreams) end(r *statsReader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stream := r.stream
	if stream.reader != r {
		return
	}
	stream.reader = nil
	if stream.encoder.Sequence() == 0 {
		delete(s.streams, stream.token)
		return
	}
	s.ended = append(s.ended, stream)
	stream.expire = time.AfterFunc(keepStream, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if i := slices.Index(s.ended, stream); i >= 0 {
			s.forget(i)
		}
	})
	s.bound()
}

// bound forgets the streams that ended first while there are too many, or they take too much.
func (s *statsStreams) bound() {
	for len(s.ended) > maxKeptStreams || len(s.ended) > 0 && s.bytes > maxStreamsBytes {
		s.forget(0)
	}
}

// forget forgets one of ended.
func (s *statsStreams) forget(i int) {
	stream := s.ended[i]
	stream.expire.Stop()
	s.ended = slices.Delete(s.ended, i, i+1)
	delete(s.streams, stream.token)
	s.grow(stream, -stream.bytes)
}

func (s *statsStreams) grow(stream *statsStream, n int) {
	stream.bytes += n
	s.bytes += n
}
