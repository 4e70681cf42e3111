// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package native

import (
	"slices"

	"github.com/noded/noded/journal/fileset"
	"github.com/noded/noded/journal/journalfile"
)

// complete takes over that journald has finished files that are followed, so that they are looked at no longer and their
// descriptors are released. journald says so in the header some time after it has renamed the file.
func (r *reader) complete(files []fileset.File) {
	for _, s := range r.sources {
		if !s.growable() || s.gone || s.bad {
			continue
		}
		i := slices.IndexFunc(files, func(f fileset.File) bool { return f.ID == s.id && f.FileID == s.header.FileID })
		if i < 0 || files[i].State != journalfile.StateArchived && !leftOver(files[i].Path) {
			continue
		}
		// The merge begins anew as the file may have grown.
		r.turned = false
		s.left = leftOver(files[i].Path)
		if s.file == nil {
			s.header = files[i].Header
			continue
		}
		err := r.guarded(func() error { return r.refresh(s) })
		if err != nil {
			if !r.survive(err) {
				r.drop(s, err)
			}
			continue
		}
		s.header.Path = files[i].Path
	}
}

// release closes the files that were removed and that the reader has read to their end.
func (r *reader) release() {
	if !r.ended {
		return
	}
	done := func(s *source) bool { return s.gone && s != r.at }
	if !slices.ContainsFunc(r.sources, done) {
		return
	}
	for _, s := range r.sources {
		if !done(s) {
			continue
		}
		if err := r.closeFile(s); err != nil {
			r.set.Note(s.header.Path, err)
		}
	}
	r.sources = slices.DeleteFunc(r.sources, done)
	r.regroup()
}
