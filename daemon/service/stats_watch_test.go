// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/noded/noded/daemon/peercred"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
	"github.com/noded/noded/runtime/stats/metric"
)

// streaming is a call that goes on, and what it has received.
type streaming[M any] struct {
	*stream[M]
	stop  context.CancelFunc
	ended chan error
}

// startStreaming starts a call. each is called for each message before the next one can be sent.
func startStreaming[R, M any](ctx context.Context, call func(*R, grpc.ServerStreamingServer[M]) error, req *R, each func(*M) error) *streaming[M] {
	ctx, stop := context.WithCancel(ctx)
	w := &streaming[M]{stream: &stream[M]{ctx: ctx, each: each}, stop: stop, ended: make(chan error, 1)}
	go func() { w.ended <- call(req, w.stream) }()
	synctest.Wait()
	return w
}

func (w *streaming[M]) end() error {
	w.stop()
	return <-w.ended
}

// watcher is a call of Watch and what it has received.
type watcher struct {
	*streaming[nodedv1.StatsServiceWatchResponse]
}

// watch calls Watch.
func watch(ctx context.Context, s *StatsService, req *nodedv1.StatsServiceWatchRequest, each func(*nodedv1.StatsServiceWatchResponse) error) *watcher {
	return &watcher{startStreaming(ctx, s.Watch, req, each)}
}

// resumption is the request that goes on after the n-th message of a stream, from 1 on.
func (w *watcher) resumption(n int) *nodedv1.StatsServiceWatchRequest {
	return &nodedv1.StatsServiceWatchRequest{ResumeToken: w.sent[0].GetResumeToken(), ResumeSequence: w.sent[n-1].GetSequence()}
}

// lookEvery looks n times.
func lookEvery(f *fakeStats, interval time.Duration, n int, containers ...string) {
	for range n {
		time.Sleep(interval)
		f.mu.Lock()
		f.step = interval
		f.mu.Unlock()
		f.look(containers...)
		synctest.Wait()
	}
}

// summaries are what messages tell: their number, * for all anew and + for a keyframe, rows and looks left out.
func summaries(messages []*nodedv1.StatsServiceWatchResponse) (out []string) {
	for _, m := range messages {
		s := fmt.Sprint(m.GetSequence())
		switch {
		case m.GetReset_():
			s += "*"
		case m.GetKeyframe():
			s += "+"
		}
		s += fmt.Sprintf(" rows=%d", len(m.GetIdDeltas()))
		if n := m.GetSkippedLooks(); n > 0 {
			s += fmt.Sprintf(" skipped=%d", n)
		}
		out = append(out, s)
	}
	return out
}

// decodeAll decodes messages, and checks that the container c1 uses what the n-th look has.
func decodeAll(t *testing.T, f *fakeStats, d *wire.StatsWatchDecoder, messages []*nodedv1.StatsServiceWatchResponse) {
	t.Helper()
	for _, m := range messages {
		look, err := d.Decode(m)
		if err != nil {
			t.Fatalf("message %d: %v", m.GetSequence(), err)
		}
		n := f.looks[look.Boot]
		for _, row := range look.Rows {
			cpu, _ := row.Get(metric.CPUUsage)
			memory, _ := row.Get(metric.MemoryWorkingSet)
			if cpu != n*1e9 || memory != n<<20 {
				t.Errorf("message %d: look %d has %d ns and %d B for %s", m.GetSequence(), n, cpu, memory, row.Entity.ContainerID)
			}
		}
	}
}

func TestStatsWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStats()
		service := newStatsService(f)
		w := watch(t.Context(), service, &nodedv1.StatsServiceWatchRequest{Interval: durationpb.New(time.Second)}, nil)
		if got := f.intervals(); !slices.Equal(got, []time.Duration{time.Second}) {
			t.Errorf("subscribed to looks each %v", got)
		}
		lookEvery(f, time.Second, 2)
		lookEvery(f, time.Second, 1, "c1", "c2")
		lookEvery(f, time.Second, 1, "c2")
		lookEvery(f, time.Second, 60)
		if err := w.end(); status.Code(err) != codes.Canceled {
			t.Errorf("Watch() = %v", err)
		}
		got := summaries(w.sent)
		if diff := cmp.Diff([]string{"1* rows=2", "2 rows=2", "3 rows=2", "4 rows=3", "5 rows=2", "6 rows=2"}, got[:6]); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
		if len(got) != 65 || got[60] != "61+ rows=2" {
			t.Errorf("%d messages, the 61st is %s", len(got), got[60])
		}
		if w.headers != 1 || len(f.intervals()) != 0 {
			t.Errorf("%d headers, %d subscriptions are left", w.headers, len(f.intervals()))
		}
		var d wire.StatsWatchDecoder
		decodeAll(t, f, &d, w.sent)
		first := w.sent[0]
		if first.GetNode() != "n" || len(first.GetBootId()) != 16 || first.GetInterval().AsDuration() != time.Second || first.GetResumeToken() == "" || w.sent[1].GetResumeToken() != "" {
			t.Errorf("the first message is %v", first)
		}
	})
}

// TestStatsWatchPace: who wants less gets less, who wants as much as there is by itself gets no more when others want more.
func TestStatsWatchPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStats()
		service := newStatsService(f)
		slow := watch(t.Context(), service, &nodedv1.StatsServiceWatchRequest{}, nil)
		slower := watch(t.Context(), service, &nodedv1.StatsServiceWatchRequest{Interval: durationpb.New(15 * time.Second)}, nil)
		// Looks are not quite regular.
		for range 20 {
			lookEvery(f, 995*time.Millisecond, 1)
			lookEvery(f, time.Second, 1)
		}
		_, _ = slow.end(), slower.end()
		want := []string{"1* rows=2", "2 rows=2 skipped=9", "3 rows=2 skipped=9", "4 rows=2 skipped=9", "5 rows=2 skipped=9"}
		if diff := cmp.Diff(want, summaries(slow.sent)); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"1* rows=2", "2 rows=2 skipped=14", "3 rows=2 skipped=14"}, summaries(slower.sent)); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
		if got := slow.sent[0].GetInterval().AsDuration(); got != 10*time.Second {
			t.Errorf("interval %v", got)
		}
	})
}

// TestStatsWatchSlowReader: a reader that takes nothing in time gets the differences later, in one message.
func TestStatsWatchSlowReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStats()
		block := make(chan struct{})
		w := watch(t.Context(), newStatsService(f), &nodedv1.StatsServiceWatchRequest{Interval: durationpb.New(time.Second)}, func(m *nodedv1.StatsServiceWatchResponse) error {
			if m.GetSequence() == 2 {
				<-block
			}
			return nil
		})
		lookEvery(f, time.Second, 20)
		close(block)
		synctest.Wait()
		lookEvery(f, time.Second, 1)
		_ = w.end()
		if diff := cmp.Diff([]string{"1* rows=2", "2 rows=2", "3 rows=2 skipped=18", "4 rows=2"}, summaries(w.sent)); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
		var d wire.StatsWatchDecoder
		decodeAll(t, f, &d, w.sent)
	})
}

// TestStatsWatchResume: a caller goes on after any message that it has, without a jump and without who is who.
func TestStatsWatchResume(t *testing.T) {
	t.Parallel()
	for has := 1; has <= 5; has++ {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeStats()
			service := newStatsService(f)
			w := watch(t.Context(), service, &nodedv1.StatsServiceWatchRequest{}, nil)
			lookEvery(f, 10*time.Second, 4, "c1", "c2")
			_ = w.end()
			// Meanwhile looks go on.
			lookEvery(f, 10*time.Second, 3, "c1")
			again := watch(t.Context(), service, w.resumption(has), nil)
			lookEvery(f, 10*time.Second, 1, "c1")
			_ = again.end()
			var want []string
			for n := has + 1; n <= 5; n++ {
				want = append(want, summaries(w.sent)[n-1])
			}
			want = append(want, "6+ rows=2 skipped=2", "7 rows=2")
			if diff := cmp.Diff(want, summaries(again.sent)); diff != "" {
				t.Errorf("resumed after %d (-want +got):\n%s", has, diff)
			}
			var d wire.StatsWatchDecoder
			decodeAll(t, f, &d, w.sent[:has])
			decodeAll(t, f, &d, again.sent)
			// And once more, after the stream that went on.
			third := watch(t.Context(), service, again.resumptionOf(w), nil)
			_ = third.end()
			if len(third.sent) != 0 {
				t.Errorf("messages of a caller who has all: %v", summaries(third.sent))
			}
		})
	}
}

// resumptionOf goes on after the last message of a stream that began as another call.
func (w *watcher) resumptionOf(first *watcher) *nodedv1.StatsServiceWatchRequest {
	return &nodedv1.StatsServiceWatchRequest{ResumeToken: first.sent[0].GetResumeToken(), ResumeSequence: w.sent[len(w.sent)-1].GetSequence()}
}

// asUser is the context of a call of a user.
func asUser(ctx context.Context, uid uint32) context.Context {
	return peer.NewContext(ctx, &peer.Peer{AuthInfo: &peercred.Peer{UID: uid}})
}

// TestStatsWatchNoResume: what cannot go on begins anew, and is no error.
func TestStatsWatchNoResume(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		uid    uint32
		away   time.Duration
		change func(*nodedv1.StatsServiceWatchRequest)
		anew   bool
	}{
		{"the same", 1, 0, func(*nodedv1.StatsServiceWatchRequest) {}, false},
		{"another interval", 1, 0, func(r *nodedv1.StatsServiceWatchRequest) { r.Interval = durationpb.New(2 * time.Second) }, false},
		{"in time", 1, keepStream - time.Second, func(*nodedv1.StatsServiceWatchRequest) {}, false},
		{"too late", 1, keepStream + time.Second, func(*nodedv1.StatsServiceWatchRequest) {}, true},
		{"another user", 2, 0, func(*nodedv1.StatsServiceWatchRequest) {}, true},
		{"a forged token", 1, 0, func(r *nodedv1.StatsServiceWatchRequest) { r.ResumeToken = "AAAAAAAAAAAAAAAAAAAAAA" }, true},
		{"no token", 1, 0, func(r *nodedv1.StatsServiceWatchRequest) { r.ResumeToken = "\x00/../" }, true},
		{"other numbers", 1, 0, func(r *nodedv1.StatsServiceWatchRequest) { r.Metrics = []string{"cpu_usage"} }, true},
		{"other kinds", 1, 0, func(r *nodedv1.StatsServiceWatchRequest) {
			r.Kinds = []nodedv1.StatsKind{nodedv1.StatsKind_STATS_KIND_NODE}
		}, true},
		{"no message", 1, 0, func(r *nodedv1.StatsServiceWatchRequest) { r.ResumeSequence = 0 }, true},
		{"a message that was never sent", 1, 0, func(r *nodedv1.StatsServiceWatchRequest) { r.ResumeSequence = 4 }, true},
		{"a message far away", 1, 0, func(r *nodedv1.StatsServiceWatchRequest) { r.ResumeSequence = 1 << 63 }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFakeStats()
				service := newStatsService(f)
				w := watch(asUser(t.Context(), 1), service, &nodedv1.StatsServiceWatchRequest{}, nil)
				lookEvery(f, 10*time.Second, 2)
				_ = w.end()
				time.Sleep(tt.away)
				req := w.resumption(3)
				tt.change(req)
				f.look()
				again := watch(asUser(t.Context(), tt.uid), service, req, nil)
				if err := again.end(); status.Code(err) != codes.Canceled {
					t.Errorf("Watch() = %v", err)
				}
				if len(again.sent) != 1 || again.sent[0].GetReset_() != tt.anew {
					t.Errorf("messages %v, anew: want %v", summaries(again.sent), tt.anew)
				}
			})
		})
	}
}

// TestStatsWatchTakenOver: a caller whose connection is half open goes on with its stream, and the call that nobody reads any more ends.
func TestStatsWatchTakenOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStats()
		service := newStatsService(f)
		block := make(chan struct{})
		stuck := watch(t.Context(), service, &nodedv1.StatsServiceWatchRequest{}, func(m *nodedv1.StatsServiceWatchResponse) error {
			if m.GetSequence() == 3 {
				<-block
			}
			return nil
		})
		lookEvery(f, 10*time.Second, 3)
		idle := watch(t.Context(), service, stuck.resumption(2), nil)
		lookEvery(f, 10*time.Second, 1)
		last := watch(t.Context(), service, idle.resumptionOf(stuck), nil)
		if err := <-idle.ended; status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "another stream") || wire.Hint(err) == "" {
			t.Errorf("the call that waited: %v", err)
		}
		close(block)
		if err := <-stuck.ended; status.Code(err) != codes.FailedPrecondition {
			t.Errorf("the call that was stuck: %v", err)
		}
		lookEvery(f, 10*time.Second, 1)
		_ = last.end()
		if diff := cmp.Diff([]string{"3 rows=2", "4 rows=2", "5 rows=2"}, summaries(idle.sent)); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"6 rows=2"}, summaries(last.sent)); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
		var d wire.StatsWatchDecoder
		decodeAll(t, f, &d, slices.Concat(stuck.sent[:2], idle.sent, last.sent))
	})
}

// TestStatsWatchKeepsLittle: streams that have ended do not pile up, and neither does what was sent.
func TestStatsWatchKeepsLittle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStats()
		var many []string
		for n := range 300 {
			many = append(many, fmt.Sprintf("%0500d", n))
		}
		f.look(many...)
		service := newStatsService(f)
		streams := service.streams
		check := func(most int) {
			t.Helper()
			bytes, kept := 0, 0
			for token, stream := range streams.streams {
				own := 0
				for _, data := range stream.kept {
					own += len(data)
				}
				if own != stream.bytes || own > maxStreamBytes || token != stream.token {
					t.Errorf("a stream of %d bytes is said to have %d", own, stream.bytes)
				}
				kept += own
				if own += stream.encoder.Bytes(); own != stream.charged {
					t.Errorf("a stream that takes %d bytes is charged %d", own, stream.charged)
				}
				bytes += own
			}
			if kept > maxKeptBytes {
				t.Errorf("%d bytes of messages are kept", kept)
			}
			if bytes != streams.bytes || bytes != streams.users[0] || bytes > maxStreamsBytes || len(streams.streams) > most || len(streams.ended) > maxKeptStreams {
				t.Errorf("%d streams, %d ended, %d bytes, said to be %d", len(streams.streams), len(streams.ended), bytes, streams.bytes)
			}
		}
		running := watch(t.Context(), service, &nodedv1.StatsServiceWatchRequest{}, nil)
		first := watch(t.Context(), service, &nodedv1.StatsServiceWatchRequest{}, nil)
		for range 100 {
			lookEvery(f, 10*time.Second, 1, many...)
		}
		_ = first.end()
		check(2)
		if len(first.sent) < 100 {
			t.Errorf("%d messages", len(first.sent))
		}
		for range maxKeptStreams {
			_ = watch(t.Context(), service, &nodedv1.StatsServiceWatchRequest{}, nil).end()
		}
		check(maxKeptStreams + 1)
		// The one that ended first has gone, the one that runs has not.
		again := watch(t.Context(), service, first.resumption(len(first.sent)), nil)
		_ = again.end()
		if len(again.sent) != 1 || !again.sent[0].GetReset_() {
			t.Errorf("messages %v", summaries(again.sent))
		}
		time.Sleep(keepStream + time.Second)
		synctest.Wait()
		check(1)
		_ = running.end()
		time.Sleep(keepStream + time.Second)
		synctest.Wait()
		check(0)
	})
}

// TestStatsWatchRealInterval: who wants looks at times at which there are none is told how often they come.
func TestStatsWatchRealInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStats()
		w := watch(t.Context(), newStatsService(f), &nodedv1.StatsServiceWatchRequest{Interval: durationpb.New(15 * time.Second)}, nil)
		lookEvery(f, 10*time.Second, 6)
		lookEvery(f, time.Second, 30)
		_ = w.end()
		want := []string{"1* rows=2", "2 rows=2 skipped=1", "3 rows=2 skipped=1", "4+ rows=2 skipped=1", "5 rows=2 skipped=14", "6 rows=2 skipped=14"}
		if diff := cmp.Diff(want, summaries(w.sent)); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
		if first, last := w.sent[0].GetInterval().AsDuration(), w.sent[4].GetInterval().AsDuration(); first != 20*time.Second || last != 15*time.Second {
			t.Errorf("interval %v, then %v", first, last)
		}
	})
}

// TestStatsWatchJitter: looks that come early or late are told all the same.
func TestStatsWatchJitter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStats()
		w := watch(t.Context(), newStatsService(f), &nodedv1.StatsServiceWatchRequest{Interval: durationpb.New(time.Second)}, nil)
		for range 10 {
			lookEvery(f, 1300*time.Millisecond, 1)
			lookEvery(f, 700*time.Millisecond, 1)
		}
		_ = w.end()
		if len(w.sent) != 21 {
			t.Errorf("messages %v", summaries(w.sent))
		}
	})
}

// TestStatsWatchRoom: what receivers know is bounded, for all and for each user. What has ended makes room for what begins, nothing that runs does.
func TestStatsWatchRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStats()
		var many []string
		for n := range 100 {
			many = append(many, fmt.Sprint(n))
		}
		f.look(many...)
		service := newStatsService(f)
		service.streams.most, service.streams.mostOfUser = 1<<20, 1<<19
		open := func(uid uint32) (running int) {
			t.Helper()
			for {
				w := watch(asUser(t.Context(), uid), service, &nodedv1.StatsServiceWatchRequest{}, nil)
				select {
				case err := <-w.ended:
					if status.Code(err) != codes.ResourceExhausted || wire.Hint(err) == "" || len(w.sent) > 0 {
						t.Errorf("Watch() = %v, %v", err, summaries(w.sent))
					}
					return running
				default:
					running++
				}
				if running > 100 {
					t.Fatal("there is no bound")
				}
			}
		}
		// One that has ended makes room.
		_ = watch(asUser(t.Context(), 1), service, &nodedv1.StatsServiceWatchRequest{}, nil).end()
		first, second, third := open(1), open(2), open(3)
		if first < 4 || second < first-2 || second > first+2 || third > 2 {
			t.Errorf("streams of three users: %d, %d, %d", first, second, third)
		}
		streams := service.streams
		if streams.bytes > streams.most || streams.users[1] > streams.mostOfUser || len(streams.ended) > 0 {
			t.Errorf("%d bytes, %d of user 1, %d ended", streams.bytes, streams.users[1], len(streams.ended))
		}
		// Those that run go on.
		lookEvery(f, 10*time.Second, 1, many...)
		for _, stream := range streams.streams {
			if stream.encoder.Sequence() != 2 {
				t.Errorf("a stream is at message %d", stream.encoder.Sequence())
			}
		}
	})
}

// TestStatsWatchMarshal: a message that cannot be encoded ends the stream for good, as its receiver would be taken to know it.
func TestStatsWatchMarshal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStats()
		service := newStatsService(f)
		failed := errors.New("not UTF-8")
		w := watch(t.Context(), service, &nodedv1.StatsServiceWatchRequest{}, nil)
		service.streams.marshal = func(proto.Message) ([]byte, error) { return nil, failed }
		lookEvery(f, 10*time.Second, 1)
		if err := <-w.ended; status.Code(err) != codes.Internal {
			t.Errorf("Watch() = %v", err)
		}
		service.streams.marshal = proto.Marshal
		again := watch(t.Context(), service, w.resumption(1), nil)
		_ = again.end()
		if len(again.sent) != 1 || !again.sent[0].GetReset_() {
			t.Errorf("messages %v", summaries(again.sent))
		}
	})
}

// TestStatsWatchClose: a service that is closed keeps nothing and leaves no timer behind.
func TestStatsWatchClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStats()
		service := newStatsService(f)
		_ = watch(t.Context(), service, &nodedv1.StatsServiceWatchRequest{}, nil).end()
		w := watch(t.Context(), service, &nodedv1.StatsServiceWatchRequest{}, nil)
		service.Close()
		_ = w.end()
		if s := service.streams; len(s.streams) > 0 || len(s.ended) > 0 || s.bytes != 0 || len(s.users) > 0 {
			t.Errorf("%d streams, %d ended, %d bytes of %d users", len(s.streams), len(s.ended), s.bytes, len(s.users))
		}
	})
}

func TestStatsWatchErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStats()
		service := newStatsService(f)
		for name, req := range map[string]*nodedv1.StatsServiceWatchRequest{
			"metric": {Metrics: []string{"x"}}, "kind": {Kinds: []nodedv1.StatsKind{9}}, "interval": {Interval: durationpb.New(time.Millisecond)},
		} {
			w := watch(t.Context(), service, req, nil)
			if err := <-w.ended; status.Code(err) != codes.InvalidArgument || w.headers != 0 {
				t.Errorf("Watch() of a bad %s: %v, %d headers", name, err, w.headers)
			}
		}
		failed := errors.New("cut")
		w := watch(t.Context(), service, &nodedv1.StatsServiceWatchRequest{}, func(*nodedv1.StatsServiceWatchResponse) error { return failed })
		if err := <-w.ended; !errors.Is(err, failed) {
			t.Errorf("Watch() of a cut stream: %v", err)
		}
		// What may not have arrived is sent again.
		again := watch(t.Context(), service, w.resumption(1), func(*nodedv1.StatsServiceWatchResponse) error { return failed })
		f.look()
		if err := <-again.ended; !errors.Is(err, failed) {
			t.Errorf("Watch() of a cut stream: %v", err)
		}
		resumed := watch(t.Context(), service, w.resumption(1), func(*nodedv1.StatsServiceWatchResponse) error { return failed })
		if err := <-resumed.ended; !errors.Is(err, failed) || len(resumed.sent) != 1 || resumed.sent[0].GetSequence() != 2 {
			t.Errorf("messages %v, %v", summaries(resumed.sent), err)
		}
		f.err = errors.New("broken")
		w = watch(t.Context(), service, &nodedv1.StatsServiceWatchRequest{}, nil)
		if err := <-w.ended; status.Code(err) != codes.Internal {
			t.Errorf("Watch() of what is broken: %v", err)
		}
		if n := len(f.intervals()); n != 0 {
			t.Errorf("%d subscriptions are left", n)
		}
		time.Sleep(keepStream)
	})
}
