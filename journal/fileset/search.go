// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package fileset

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
)

// search says where to look for journal files and which to take. It follows the rules of sd_journal_open(3).
type search struct {
	// roots are directories such as /var/log/journal: the files in them, and in those of their
	// subdirectories that are named MACHINE or MACHINE.NAMESPACE. One that does not exist is skipped.
	roots []string
	// namespace is as in journal.Source: it restricts the subdirectories.
	namespace string
	// machineID, unless zero, restricts subdirectories to those of this machine, but not those
	// of a root below runDir.
	machineID journal.ID128
	runDir    string
	// system and userUID restrict the files to those of the system or of that user.
	system  bool
	userUID *uint32
	// diskOrder makes find list in the order of the directories themselves, which is that in which libsystemd goes
	// through the files when it lists fields. Otherwise they are sorted by name.
	diskOrder bool
}

// found is what a search finds.
type found struct {
	// paths are files; directories are where they are or may appear, and may not exist.
	paths, directories []string
	// problems are the directories that cannot be read.
	problems []journal.FileProblem
}

func (s *search) find() found {
	var f found
	for _, root := range s.roots {
		items := s.readDir(&f, root)
		for _, item := range items {
			path := filepath.Join(root, item.Name())
			switch {
			case s.wantsFile(item):
				f.paths = append(f.paths, path)
			case s.wantsDirectory(root, item):
				for _, item := range s.readDir(&f, path) {
					if s.wantsFile(item) {
						f.paths = append(f.paths, filepath.Join(path, item.Name()))
					}
				}
			}
		}
	}
	return f
}

// readDir lists a directory.
func (s *search) readDir(f *found, path string) []fs.DirEntry {
	f.directories = append(f.directories, path)
	items, err := s.items(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.problems = append(f.problems, journal.FileProblem{Path: path, Reason: journalfile.GapReason(err), Err: err})
	}
	return items
}

func (s *search) items(path string) ([]fs.DirEntry, error) {
	if !s.diskOrder {
		return os.ReadDir(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ReadDir(-1)
}

func (s *search) wantsFile(item fs.DirEntry) bool {
	name := item.Name()
	if !journalfile.IsFileName(name) || item.Type()&^fs.ModeSymlink != 0 {
		return false
	}
	if !s.system && s.userUID == nil {
		return true
	}
	return s.system && hasTypePrefix(name, "system") ||
		s.userUID != nil && hasTypePrefix(name, fmt.Sprintf("user-%d", *s.userUID))
}

func hasTypePrefix(name, prefix string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	return ok && (rest == ".journal" || rest == ".journal~" || strings.HasPrefix(rest, "@"))
}

func (s *search) wantsDirectory(root string, item fs.DirEntry) bool {
	if item.Type()&^(fs.ModeSymlink|fs.ModeDir) != 0 || item.Type() == 0 {
		return false
	}
	machine, namespace, suffixed := strings.Cut(item.Name(), ".")
	id, err := journal.ParseID128(machine)
	if err != nil || suffixed && namespace == "" {
		return false
	}
	if !s.machineID.IsZero() && id != s.machineID && !below(root, s.runDir) {
		return false
	}
	switch want, orDefault := strings.CutPrefix(s.namespace, "+"); {
	case s.namespace == "*":
		return true
	case orDefault:
		return !suffixed || namespace == want
	case s.namespace == "":
		return !suffixed
	default:
		return suffixed && namespace == want
	}
}

func below(path, dir string) bool {
	return dir != "" && (path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/"))
}
