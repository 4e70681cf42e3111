// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package fileset

import (
	"os"
	"path/filepath"

	"github.com/noded/noded/journal/journalfile"
)

// tracker remembers the files of a list by their IDs. journald rotates a file by renaming it within its
// directory: the entries that a follower of that name has not seen yet are then in the renamed file, which
// therefore stays in the list.
type tracker struct {
	files map[ID]string
}

// update takes the paths that the patterns give now and returns them with those of files that were in
// an earlier list and have been renamed since.
func (t *tracker) update(paths []string) []string {
	now := make(map[ID]string, len(paths))
	for _, path := range paths {
		if id, ok := IDOf(path); ok {
			now[id] = path
		}
	}
	var listed map[string]bool
	for id, old := range t.files {
		if _, ok := now[id]; ok {
			continue
		}
		dir := filepath.Dir(old)
		if !listed[dir] {
			if listed == nil {
				listed = map[string]bool{}
			}
			listed[dir] = true
			paths = t.addRenamed(dir, now, paths)
		}
	}
	t.files = now
	return paths
}

// addRenamed looks in dir for files that were in the list.
func (t *tracker) addRenamed(dir string, now map[ID]string, paths []string) []string {
	items, err := os.ReadDir(dir)
	if err != nil {
		return paths
	}
	for _, item := range items {
		if !journalfile.IsFileName(item.Name()) {
			continue
		}
		path := filepath.Join(dir, item.Name())
		id, ok := IDOf(path)
		if !ok || t.files[id] == "" || now[id] != "" {
			continue
		}
		now[id] = path
		paths = append(paths, path)
	}
	return paths
}
