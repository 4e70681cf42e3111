// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/noded/noded/journal"
)

// Search says where to look for journal files and which to take. It follows the rules of sd_journal_open(3).
type Search struct {
	// Roots are directories such as /var/log/journal: the files in them, and in those of their
	// subdirectories that are named MACHINE or MACHINE.NAMESPACE. One that does not exist is skipped.
	Roots []string
	// Namespace is as in journal.Source: it restricts the subdirectories.
	Namespace string
	// MachineID, unless zero, restricts subdirectories to those of this machine, but not those
	// of a root below RunDir.
	MachineID journal.ID128
	RunDir    string
	// System and UserUID restrict the files to those of the system or of that user.
	System  bool
	UserUID *uint32
	// DiskOrder makes Files list in the order of the directories themselves, which is that in which libsystemd goes
	// through the files when it lists fields. Otherwise they are sorted by name.
	DiskOrder bool
}

// Files lists the paths of the files, and the directories that cannot be read.
func (s *Search) Files() ([]string, []journal.FileProblem) {
	var paths []string
	var problems []journal.FileProblem
	for _, root := range s.Roots {
		items, err := s.readDir(root)
		if err != nil {
			problems = appendProblem(problems, root, err)
		}
		for _, item := range items {
			path := filepath.Join(root, item.Name())
			switch {
			case s.wantsFile(item):
				paths = append(paths, path)
			case s.wantsDirectory(root, item):
				below, err := s.readDir(path)
				if err != nil {
					problems = appendProblem(problems, path, err)
				}
				for _, item := range below {
					if s.wantsFile(item) {
						paths = append(paths, filepath.Join(path, item.Name()))
					}
				}
			}
		}
	}
	return paths, problems
}

func (s *Search) readDir(path string) ([]fs.DirEntry, error) {
	if !s.DiskOrder {
		return os.ReadDir(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ReadDir(-1)
}

func appendProblem(problems []journal.FileProblem, path string, err error) []journal.FileProblem {
	if os.IsNotExist(err) {
		return problems
	}
	return append(problems, journal.FileProblem{Path: path, Reason: GapReason(err), Err: err})
}

// IsFileName reports whether the name is that of a journal file: *.journal, or *.journal~
// for one that was left over by a crash.
func IsFileName(name string) bool {
	return strings.HasSuffix(name, ".journal") || strings.HasSuffix(name, ".journal~")
}

func (s *Search) wantsFile(item fs.DirEntry) bool {
	name := item.Name()
	if !IsFileName(name) || item.Type()&^fs.ModeSymlink != 0 {
		return false
	}
	if !s.System && s.UserUID == nil {
		return true
	}
	return s.System && hasTypePrefix(name, "system") ||
		s.UserUID != nil && hasTypePrefix(name, fmt.Sprintf("user-%d", *s.UserUID))
}

func hasTypePrefix(name, prefix string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	return ok && (rest == ".journal" || rest == ".journal~" || strings.HasPrefix(rest, "@"))
}

func (s *Search) wantsDirectory(root string, item fs.DirEntry) bool {
	if item.Type()&^(fs.ModeSymlink|fs.ModeDir) != 0 || item.Type() == 0 {
		return false
	}
	machine, namespace, suffixed := strings.Cut(item.Name(), ".")
	id, err := journal.ParseID128(machine)
	if err != nil || suffixed && namespace == "" {
		return false
	}
	if !s.MachineID.IsZero() && id != s.MachineID && !below(root, s.RunDir) {
		return false
	}
	switch want, orDefault := strings.CutPrefix(s.Namespace, "+"); {
	case s.Namespace == "*":
		return true
	case orDefault:
		return !suffixed || namespace == want
	case s.Namespace == "":
		return !suffixed
	default:
		return suffixed && namespace == want
	}
}

func below(path, dir string) bool {
	return dir != "" && (path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/"))
}
