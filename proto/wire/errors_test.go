// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"io/fs"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/noded/noded/journal"
)

func TestHints(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err  error
		hint string
	}{
		{Refusal(codes.PermissionDenied, ReasonDenied, "no", "ask"), "ask"},
		{Refusal(codes.PermissionDenied, ReasonDenied, "no\xff", "ask\xff"), "ask\uFFFD"},
		{Refusal(codes.ResourceExhausted, ReasonExhausted, "full", ""), ""},
		{Status(fs.ErrNotExist), "nodectl status shows what noded can read; journal.directory of noded.yaml(5) says where it looks"},
		{Status(journal.ErrNoBoot), ""},
		{status.Error(codes.PermissionDenied, "no"), ""},
		{errors.New("no status"), ""},
		{nil, ""},
	}
	for _, tt := range tests {
		if got := Hint(tt.err); got != tt.hint {
			t.Errorf("Hint(%v) = %q, want %q", tt.err, got, tt.hint)
		}
		if tt.err != nil && Hint(Error(tt.err)) != tt.hint {
			t.Errorf("the hint of %v was lost on the way back", tt.err)
		}
	}
}
