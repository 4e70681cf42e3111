// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNearNames(t *testing.T) {
	t.Parallel()
	names := []string{"web-7d9fb6c4b-x2x8k", "web-7d9fb6c4b-abcde", "web-7d9fb6c4b-q2q8q", "web-0-long", "db-0", "db-1", "kube-proxy-x2x8k", "my-web", "coredns-1"}
	for _, test := range []struct {
		name string
		want []string
	}{
		{"web", []string{"web-0-long", "web-7d9fb6c4b-abcde", "web-7d9fb6c4b-q2q8q"}},
		{"db-2", []string{"db-0", "db-1"}},
		{"wbe", []string{"web-0-long", "web-7d9fb6c4b-abcde", "web-7d9fb6c4b-q2q8q"}},
		{"kube-porxy", []string{"kube-proxy-x2x8k"}},
		{"coredsn", []string{"coredns-1"}},
		{"zzz", nil},
		{"", nil},
		{strings.Repeat("a", 1000), nil},
	} {
		if d := cmp.Diff(test.want, nearNames(test.name, names)); d != "" {
			t.Errorf("nearNames(%q): %s", test.name, d)
		}
	}
}

func FuzzDistance(f *testing.F) {
	f.Add("web", "wbe")
	f.Add("", "a")
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a) > 100 || len(b) > 100 {
			return
		}
		const most = 1000
		d := distance(a, b, most, nil)
		if back := distance(b, a, most, nil); d != back {
			t.Errorf("distance(%q, %q) = %d, the other way round %d", a, b, d, back)
		}
		if (d == 0) != (a == b) || d < 0 || d > max(len(a), len(b)) {
			t.Errorf("distance(%q, %q) = %d", a, b, d)
		}
	})
}
