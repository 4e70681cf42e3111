// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package fileset

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journaltest"
)

func newSet(t testing.TB, source journal.Source) *Set {
	t.Helper()
	s, err := New(source)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func entries(n int) []journaltest.Entry {
	list := make([]journaltest.Entry, n)
	for i := range list {
		list[i] = journaltest.Entry{
			Realtime: 1_700_000_000_000_000 + journal.Usec(i), Monotonic: 1000 + journal.Usec(i), BootID: journal.ID128{1},
			Fields: []journal.Field{journaltest.F("MESSAGE", fmt.Sprintf("message %d", i))},
		}
	}
	return list
}

func TestNew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	write(t, file, "text")
	tests := []struct {
		name   string
		source journal.Source
		want   error // nil: any other
	}{
		{"no directory", journal.Source{Directory: filepath.Join(dir, "none")}, fs.ErrNotExist},
		{"no root", journal.Source{Root: filepath.Join(dir, "none")}, fs.ErrNotExist},
		{"a file", journal.Source{Directory: file}, nil},
		{"two", journal.Source{Directory: dir, Root: dir}, journal.ErrInvalidQuery},
		{"three", journal.Source{Directory: dir, Root: dir, Files: []string{"a"}}, journal.ErrInvalidQuery},
	}
	for _, test := range tests {
		if s, err := New(test.source); err == nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: New = %v, %v, want %v", test.name, s, err, test.want)
		}
	}
	names := []struct {
		source journal.Source
		want   string
	}{
		{journal.Source{Directory: dir}, dir},
		{journal.Source{Root: dir}, dir},
		{journal.Source{Files: []string{file, "b"}}, file},
		{journal.Source{}, varDirectory},
		{journal.Source{AllMachines: true}, varDirectory},
	}
	for _, test := range names {
		if got := newSet(t, test.source).Name(); got != test.want {
			t.Errorf("Name of %+v = %q, want %q", test.source, got, test.want)
		}
	}
}

// tree makes empty files and directories.
func tree(t *testing.T, paths ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, path := range paths {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, path, "")
	}
	return dir
}

func TestPaths(t *testing.T) {
	t.Parallel()
	const machine, other = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
	uid := os.Getuid()
	user := fmt.Sprintf("user-%d.journal", uid)
	dir := tree(t, "system.journal", "user-x.journal", user, "notes.txt", "system@1.journal~",
		machine+"/system.journal", machine+".apps/system.journal", other+"/system.journal", "sub/system.journal",
		machine+"/deeper/system.journal")
	tests := []struct {
		name   string
		source journal.Source
		want   []string
	}{
		{"directory", journal.Source{}, []string{
			machine + "/system.journal", other + "/system.journal", "system.journal", "system@1.journal~", user, "user-x.journal",
		}},
		{"namespace", journal.Source{Namespace: "apps"}, []string{
			machine + ".apps/system.journal", "system.journal", "system@1.journal~", user, "user-x.journal",
		}},
		{"namespace or default", journal.Source{Namespace: "+apps"}, []string{
			machine + "/system.journal", machine + ".apps/system.journal", other + "/system.journal",
			"system.journal", "system@1.journal~", user, "user-x.journal",
		}},
		{"all namespaces, system", journal.Source{Namespace: "*", System: true}, []string{
			machine + "/system.journal", machine + ".apps/system.journal", other + "/system.journal",
			"system.journal", "system@1.journal~",
		}},
		{"user", journal.Source{User: true}, []string{user}},
	}
	for _, test := range tests {
		test.source.Directory = dir
		s := newSet(t, test.source)
		got, err := s.Paths(true)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		for i := range got {
			got[i], _ = filepath.Rel(dir, got[i])
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
		disk := s.DiskOrder()
		for i := range disk {
			disk[i], _ = filepath.Rel(dir, disk[i])
		}
		slices.Sort(disk)
		slices.Sort(got)
		if !slices.Equal(disk, got) {
			t.Errorf("%s: DiskOrder = %q, want %q in some order", test.name, disk, got)
		}
	}
}

func TestPathsOfRoot(t *testing.T) {
	t.Parallel()
	dir := tree(t, "var/log/journal/system.journal", "run/log/journal/system.journal", "var/log/journal/remote/a.journal", "system.journal")
	got, err := newSet(t, journal.Source{Root: dir}).Paths(true)
	want := []string{
		filepath.Join(dir, "run/log/journal/system.journal"), filepath.Join(dir, "var/log/journal/system.journal"),
		filepath.Join(dir, "var/log/journal/remote/a.journal"),
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("Paths = %q, %v, want %q", got, err, want)
	}
}

// TestPathsOfList: names and patterns, each file once; what is missing is an error the first time only.
func TestPathsOfList(t *testing.T) {
	t.Parallel()
	dir := tree(t, "a.journal", "b.journal", "[x].journal")
	in := func(names ...string) []string {
		for i := range names {
			names[i] = filepath.Join(dir, names[i])
		}
		return names
	}
	tests := []struct {
		files, want []string
		err         error
	}{
		{in("b.journal", "*.journal"), in("b.journal", "[x].journal", "a.journal"), nil},
		{in("[x].journal"), in("[x].journal"), nil},
		{in("c*.journal"), nil, fs.ErrNotExist},
		{in("a.journal", "none"), in("a.journal"), fs.ErrNotExist},
		{in("[.journal"), nil, journal.ErrInvalidQuery},
	}
	for _, test := range tests {
		s := newSet(t, journal.Source{Files: test.files})
		got, err := s.Paths(true)
		if !errors.Is(err, test.err) || err == nil && !slices.Equal(got, test.want) {
			t.Errorf("Paths(true) of %q = %q, %v, want %q, %v", test.files, got, err, test.want, test.err)
		}
		if got, err := s.Paths(false); errors.Is(test.err, fs.ErrNotExist) && (err != nil || !slices.Equal(got, test.want)) {
			t.Errorf("Paths(false) of %q = %q, %v, want %q", test.files, got, err, test.want)
		}
	}
}

// TestRenamed: a file of a list stays in it when it is renamed, as long as it exists.
func TestRenamed(t *testing.T) {
	t.Parallel()
	dir := tree(t, "system.journal", "other.journal")
	path, archive := filepath.Join(dir, "system.journal"), filepath.Join(dir, "system@1.journal")
	s := newSet(t, journal.Source{Files: []string{path}})
	want := func(what string, paths ...string) {
		t.Helper()
		if got, err := s.Paths(false); err != nil || !slices.Equal(got, paths) {
			t.Errorf("%s: Paths = %q, %v, want %q", what, got, err, paths)
		}
	}
	want("at first", path)
	if err := os.Rename(path, archive); err != nil {
		t.Fatal(err)
	}
	want("renamed", archive)
	write(t, path, "")
	want("made anew", path, archive)
	if err := os.Remove(archive); err != nil {
		t.Fatal(err)
	}
	want("removed", path)
}
