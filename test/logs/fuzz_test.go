// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/noded/noded/runtime/podlog"
)

// FuzzAgainstKubelet: whatever is in a file and whatever is asked, podlog writes what the kubelet's reader writes, by the rules of
// kubelet_test.go.
func FuzzAgainstKubelet(f *testing.F) {
	for i := range uint64(12) {
		random := rand.New(rand.NewPCG(i, 9))
		if content := sample(random, i%3 == 0); len(content) < 20_000 {
			f.Add(content, int16(random.IntN(20)-5), int64(random.IntN(400)-100), byte(i))
		}
	}
	for _, text := range []string{
		"2026-03-01T00:00:00Z stdout F a\n\n2026-03-01T00:00:01.5Z stderr F b\n",
		"2026-03-01T00:00:00.123456789+02:30 stdout P:x a\n2026-03-01T00:00:01Z stdout F: b\n",
		"2026-03-01T00:00:00Z stdout X \n2026-03-01T00:00:00Z stdout  no tag\n",
		"2026-03-01T0:00:00,5Z stdout F a\n",
		`{"log":"a\nb\n","stream":"stdout","time":"2026-03-01T00:00:00.1Z"}` + "\n" + `{"LOG":"\u00e9\ud83d","stream":"stderr","time":"2026-03-01T00:00:00Z","attrs":{"a":"b"}}` + "\n",
		`{"stream":"stdout","time":"2026-03-01T00:00:00Z"}` + "\n",
		`{"log":"x","log":"y\n","stream":"stdout","time":"2026-03-01T00:00:00Z"} ` + "\r\n",
	} {
		f.Add([]byte(text), int16(-1), int64(-1), byte(0))
		f.Add([]byte(text), int16(1), int64(0), byte(1))
	}
	f.Fuzz(func(t *testing.T, content []byte, tail int16, since int64, flags byte) {
		o := options{tail: int64(max(tail, -1)), limit: -1, timestamps: flags&1 != 0}
		if since >= 0 && since < 1e9 {
			o.since = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(since) * time.Second / 4)
		}
		if flags&2 != 0 {
			o.only = podlog.Stdout + podlog.Stream(flags>>2&1)
		}
		if flags&8 != 0 {
			o.limit = int64(flags)
		}
		compareReaders(t, content, traitsOf(t, content), o)
	})
}
