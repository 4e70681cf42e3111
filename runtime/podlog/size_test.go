// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/noded/noded/runtime/podlog"
	"github.com/noded/noded/runtime/safefs"
)

func TestLogBytes(t *testing.T) {
	t.Parallel()
	pods, docker, outside := t.TempDir(), t.TempDir(), t.TempDir()
	write := func(size int, path ...string) string {
		t.Helper()
		name := filepath.Join(path...)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(strings.Repeat("x", size)), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	dir := "default_web_0f1e/app"
	write(1, pods, dir, "0.log")
	write(10, pods, dir, "0.log.20260102-150405")
	write(100, pods, dir, "0.log.20260102-150401.gz")
	write(1000, pods, dir, "0.log.20260102-150405.tmp")
	first := write(10_000, pods, dir, "1.log")
	large := write(1_000_000, outside, "2.log")
	for name, err := range map[string]error{
		"a second name": os.Link(first, filepath.Join(pods, dir, "3.log")),
		"a link":        os.Symlink(large, filepath.Join(pods, dir, "2.log")),
		"a directory":   os.Mkdir(filepath.Join(pods, dir, "4.log"), 0o755),
		"a link above":  os.Symlink(outside, filepath.Join(pods, "default_web_0f1e", "linked")),
	} {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	write(7, docker, "abc", "abc-json.log")
	write(70, docker, "abc", "abc-json.log.1")
	write(5000, docker, "abc", "config.v2.json")

	logs := podlog.New(podlog.Config{Pods: safefs.NewRoot(pods), Docker: safefs.NewRoot(docker)})
	for _, test := range []struct {
		layout podlog.Layout
		dir    string
		want   uint64
	}{
		{podlog.LayoutCRI, dir, 11_111},
		{podlog.LayoutDocker, "abc", 77},
		{podlog.LayoutCRI, "default_gone_0f1e/app", 0},
	} {
		if got, err := logs.LogBytes(test.layout, test.dir); got != test.want || err != nil {
			t.Errorf("LogBytes(%v, %q) = %d, %v, want %d", test.layout, test.dir, got, err, test.want)
		}
	}
	for _, dir := range []string{"default_web_0f1e/linked", "../" + filepath.Base(outside)} {
		if got, err := logs.LogBytes(podlog.LayoutCRI, dir); got != 0 || err == nil {
			t.Errorf("LogBytes(%q) = %d, %v, want an error", dir, got, err)
		}
	}
	if got, err := podlog.New(podlog.Config{}).LogBytes(podlog.LayoutCRI, dir); got != 0 || err != nil {
		t.Errorf("without a root: %d, %v", got, err)
	}
	for i := range 10_001 {
		write(1, pods, "default_many_0f1e", "app", fmt.Sprintf("%d.log", i))
	}
	if got, err := logs.LogBytes(podlog.LayoutCRI, "default_many_0f1e/app"); got != 10_000 || err == nil {
		t.Errorf("of too many files: %d, %v, want an error", got, err)
	}
}
