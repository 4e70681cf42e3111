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
	// maxStreamBytes is how much of what was sent is kept of one stream, and maxKeptBytes of all. A look at 220 containers has about 2 KiB.
	maxStreamBytes = 256 << 10
	maxKeptBytes   = 4 << 20
	// maxStreamsBytes bounds what is kept of all streams together, what their receivers know included, and maxUserBytes that of one user's. A
	// stream with all numbers of 480 containers takes 0.3 MiB.
	maxStreamsBytes = 32 << 20
	maxUserBytes    = 16 << 20
	// tokenBytes is the length of what names a stream: more than anybody can guess.
	tokenBytes = 16
)

var (
	// errTakenOver is the cause with which a stream ends that another one goes on with.
	errTakenOver = errors.New("another stream goes on with this one")
	// errNoRoom is why a stream cannot begin.
	errNoRoom = errors.New("the streams of usage figures that there are take all the memory that they may")
)

// statsStreams keeps what the receivers of streams know: of those that run, and for a while of those that have ended, so that they can go on.
// Nothing says which message of a stream was the last one to arrive, so the latest messages are kept as well, and what did not arrive
// is sent again. It is safe for concurrent use.
type statsStreams struct {
	// read-only after newStatsStreams: marshal is proto.Marshal, most maxStreamsBytes and mostOfUser maxUserBytes.
	marshal          func(proto.Message) ([]byte, error)
	most, mostOfUser int

	// mu guards the fields below. A stream's work is locked before it, never after.
	mu      sync.Mutex
	streams map[string]*statsStream
	// ended are those that nobody reads, the one that ended first at the front.
	ended []*statsStream
	// bytes is what all streams take, users what those of each user do.
	bytes  int
	users  map[uint32]int
	closed bool
}

// statsStream is one of them.
type statsStream struct {
	// read-only after begin
	token string
	uid   uint32
	query wire.StatsWatchQuery

	// work is locked while a message is made. It guards encoder and kept, which are the latest messages, encoded; the last one is the one with
	// the number of the encoder. bytes is their size.
	work    sync.Mutex
	encoder *wire.StatsWatchEncoder
	kept    [][]byte
	bytes   int

	// The fields below are guarded by mu of statsStreams. charged is what was added to its bytes. reader is the call that reads the stream; nil
	// for none. expire is running then.
	charged int
	reader  *statsReader
	expire  *time.Timer
}

// statsReader is a call of Watch.
type statsReader struct {
	stream *statsStream
	cancel context.CancelCauseFunc
}

func newStatsStreams() *statsStreams {
	return &statsStreams{
		marshal: proto.Marshal, most: maxStreamsBytes, mostOfUser: maxUserBytes, streams: make(map[string]*statsStream), users: make(map[uint32]int),
	}
}

// close forgets all streams that have ended, and keeps none from now on.
func (s *statsStreams) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for len(s.ended) > 0 {
		s.forget(0)
	}
}

// begin makes a stream for a call. cancel ends the call when another one goes on with the stream.
func (s *statsStreams) begin(c wire.StatsWatchConfig, uid uint32, q wire.StatsWatchQuery, cancel context.CancelCauseFunc) *statsReader {
	random := make([]byte, tokenBytes)
	// It never fails.
	_, _ = rand.Read(random)
	c.Token = base64.RawURLEncoding.EncodeToString(random)
	stream := &statsStream{token: c.Token, uid: uid, query: q, encoder: wire.NewStatsWatchEncoder(c)}
	reader := &statsReader{stream: stream, cancel: cancel}
	s.mu.Lock()
	defer s.mu.Unlock()
	stream.reader = reader
	s.streams[stream.token] = stream
	return reader
}

// resume makes a call the reader of an earlier stream, from the message after sequence on, and returns the messages that it does not have.
// It returns nil if that cannot be: a stream that is not known, of another user, or that asked for something else; or messages that are
// not kept.
func (s *statsStreams) resume(token string, sequence uint64, uid uint32, q wire.StatsWatchQuery, cancel context.CancelCauseFunc) (*statsReader, [][]byte) {
	s.mu.Lock()
	stream := s.streams[token]
	s.mu.Unlock()
	if stream == nil || stream.uid != uid || !slices.Equal(stream.query.Kinds, q.Kinds) || !slices.Equal(stream.query.Metrics, q.Metrics) {
		return nil, nil
	}
	stream.work.Lock()
	defer stream.work.Unlock()
	last := stream.encoder.Sequence()
	if sequence == 0 || sequence > last || last-sequence > uint64(len(stream.kept)) {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.streams[token] != stream:
		return nil, nil // it was forgotten meanwhile
	case stream.reader != nil:
		stream.reader.cancel(errTakenOver)
	default:
		stream.expire.Stop()
		s.ended = slices.DeleteFunc(s.ended, func(e *statsStream) bool { return e == stream })
	}
	stream.reader = &statsReader{stream: stream, cancel: cancel}
	return stream.reader, slices.Clone(stream.kept[len(stream.kept)-int(last-sequence):])
}

// next returns the message for a snapshot, nil if the last message had it already. The error is errTakenOver, or errNoRoom for the first
// message. After any error but the first of these the stream is there no more.
func (s *statsStreams) next(r *statsReader, snapshot *stats.Snapshot, interval time.Duration) (*nodedv1.StatsServiceWatchResponse, error) {
	stream := r.stream
	stream.work.Lock()
	defer stream.work.Unlock()
	share, ok := s.share(r)
	if !ok {
		return nil, errTakenOver
	}
	if stream.encoder.Sequence() > 0 && stream.encoder.Look() == snapshot.Sequence {
		return nil, nil
	}
	m := stream.encoder.Encode(snapshot, interval)
	data, err := s.marshal(m)
	if err != nil {
		// The encoder takes it for sent.
		s.remove(stream)
		return nil, err
	}
	stream.kept = append(stream.kept, data)
	stream.bytes += len(data)
	for len(stream.kept) > 0 && stream.bytes > share {
		stream.bytes -= len(stream.kept[0])
		stream.kept = slices.Delete(stream.kept, 0, 1)
	}
	if !s.charge(stream, stream.bytes+stream.encoder.Bytes()) && stream.encoder.Sequence() == 1 {
		s.remove(stream)
		return nil, errNoRoom
	}
	return m, nil
}

// share returns how much of what was sent may be kept of a stream; ok is false if r does not read it any more.
func (s *statsStreams) share(r *statsReader) (bytes int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.stream.reader != r {
		return 0, false
	}
	return min(maxStreamBytes, maxKeptBytes/len(s.streams)), true
}

// charge says what a stream takes. What has ended makes room for it; ok is false if that is not enough.
func (s *statsStreams) charge(stream *statsStream, bytes int) (ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grow(stream, bytes-stream.charged)
	s.bound(stream.uid)
	return s.bytes <= s.most && s.users[stream.uid] <= s.mostOfUser
}

// end keeps the stream of a call that has ended for a while, unless another call reads it.
func (s *statsStreams) end(r *statsReader) {
	stream := r.stream
	stream.work.Lock()
	defer stream.work.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if stream.reader != r {
		return
	}
	stream.reader = nil
	if stream.encoder.Sequence() == 0 || s.closed {
		s.drop(stream)
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
	s.bound(stream.uid)
}

// bound forgets the streams that ended first while there are too many, or they take too much, or those of a user do.
func (s *statsStreams) bound(uid uint32) {
	for len(s.ended) > maxKeptStreams || len(s.ended) > 0 && s.bytes > s.most {
		s.forget(0)
	}
	for s.users[uid] > s.mostOfUser {
		i := slices.IndexFunc(s.ended, func(e *statsStream) bool { return e.uid == uid })
		if i < 0 {
			return
		}
		s.forget(i)
	}
}

// forget forgets one of ended.
func (s *statsStreams) forget(i int) {
	stream := s.ended[i]
	stream.expire.Stop()
	s.ended = slices.Delete(s.ended, i, i+1)
	s.drop(stream)
}

// remove forgets a stream that somebody reads.
func (s *statsStreams) remove(stream *statsStream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stream.reader = nil
	s.drop(stream)
}

// drop forgets a stream. mu is held.
func (s *statsStreams) drop(stream *statsStream) {
	delete(s.streams, stream.token)
	s.grow(stream, -stream.charged)
}

func (s *statsStreams) grow(stream *statsStream, n int) {
	stream.charged += n
	s.bytes += n
	if s.users[stream.uid] += n; s.users[stream.uid] == 0 {
		delete(s.users, stream.uid)
	}
}
