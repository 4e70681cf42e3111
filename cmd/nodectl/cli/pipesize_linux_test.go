// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWidenPipe(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	size := func() int {
		n, err := unix.FcntlInt(r.Fd(), unix.F_GETPIPE_SZ, 0)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := size()
	widenPipe(w)
	if after := size(); after < before {
		t.Errorf("the pipe had %d bytes and has %d", before, after)
	} else if os.Geteuid() == 0 && after < pipeBytes {
		t.Errorf("the pipe has %d bytes, want %d", after, pipeBytes)
	}
}

// TestWidenOther: what is no pipe stays as it is.
func TestWidenOther(t *testing.T) {
	t.Parallel()
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	widenPipe(f)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	widenPipe(f)
	widenPipe(&bytes.Buffer{})
}
