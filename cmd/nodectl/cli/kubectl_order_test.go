// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"strings"
	"testing"
)

func TestKubectlOrder(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ line, want string }{
		{"get pods -n shop", ""},
		{"-n shop get pods", "get pods -n shop"},
		{"-nshop get pods -A", "get pods -nshop -A"},
		{"get -A pods", "get pods -A"},
		{"-A get -o wide pods web-0", "get pods -A -o wide web-0"},
		{"--address unix:///s get -l app=web pods", "--address unix:///s get pods -l app=web"},
		{"get --address=unix:///s -w pods", "--address=unix:///s get pods -w"},
		{"--namespace=shop logs -f web-0", "logs --namespace=shop -f web-0"},
		{"-f logs web-0", "logs -f web-0"},
		{"get pod/web-0", "get pod pod/web-0"},
		{"-n shop describe pod/web-0", "describe pod pod/web-0 -n shop"},
		{"describe -n shop deploy/web --tail 3", "describe pod deploy/web -n shop --tail 3"},
		{"top node/n1", "top node n1"},
		{"get node/n1", "get pod node/n1"},
		{"logs pod/web-0", ""},
		// Nothing of ours.
		{"-n 1 journal", ""},
		{"-o json status", ""},
		{"--unknown get pods", ""},
		{"get -n", ""},
		{"get", ""},
		{"-n", ""},
		{"--help", ""},
		{"", ""},
	} {
		root := NewCommand(Streams{Out: io.Discard, Err: io.Discard})
		got := strings.Join(kubectlOrder(root.PersistentFlags(), strings.Fields(tt.line)), " ")
		if want := tt.want; got != want && (want != "" || got != tt.line) {
			t.Errorf("kubectlOrder(%q) = %q, want %q", tt.line, got, want)
		}
	}
}
