// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/noded/noded/journal/journalfile"
)

func TestSmallFiles(t *testing.T) {
	t.Parallel()
	for name, content := range SmallFiles(t) {
		path := filepath.Join(t.TempDir(), name+".journal")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if len(content) > 8<<10 {
			t.Errorf("%s: %d bytes, want at most 8 KiB", name, len(content))
		}
		if err := journalfile.Verify(t.Context(), path); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		verify(t, path)
	}
}
