// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"
)

// WritableLayer is what a container has written over its image.
type WritableLayer struct {
	// Time is when it was measured.
	Time time.Time
	// Bytes and Inodes are 0 if they are not told, as of a container that wrote nothing.
	Bytes, Inodes uint64
}

// ImageFilesystem is where a runtime keeps images.
type ImageFilesystem struct {
	// Time is when it was measured.
	Time time.Time
	// MountPoint is a directory in the filesystem, not always that where it is mounted.
	MountPoint string
	// Bytes and Inodes are what images take of it.
	Bytes, Inodes uint64
}

// Stored is a Source that knows what images and containers take of the filesystems.
type Stored interface {
	// WritableLayers returns the writable layers of containers by the id of the container. It asks the runtime, for which that
	// is work: a tenth of a second for fifty containers. A runtime that does not tell is an errors.ErrUnsupported.
	WritableLayers(ctx context.Context) (map[string]WritableLayer, error)
	// ImageFilesystems returns where images are. A runtime that does not tell is an errors.ErrUnsupported.
	ImageFilesystems(ctx context.Context) ([]ImageFilesystem, error)
}

// WritableLayers returns the writable layers of containers by the id of the container, as all runtimes tell them; see Stored. What some
// tell is returned together with the errors of the others. If none can tell, that is an errors.ErrUnsupported.
func (i *Inventory) WritableLayers(ctx context.Context) (map[string]WritableLayer, error) {
	layers := map[string]WritableLayer{}
	err := i.stored("ask for writable layers", func(s Stored) error {
		of, err := s.WritableLayers(ctx)
		maps.Copy(layers, of)
		return err
	})
	return layers, err
}

// ImageFilesystems returns where the runtimes keep images; see WritableLayers.
func (i *Inventory) ImageFilesystems(ctx context.Context) ([]ImageFilesystem, error) {
	var found []ImageFilesystem
	err := i.stored("ask for the filesystems of images", func(s Stored) error {
		of, err := s.ImageFilesystems(ctx)
		found = append(found, of...)
		return err
	})
	return found, err
}

// stored asks the sources that can tell. One that cannot matters only if there is no other.
func (i *Inventory) stored(what string, ask func(Stored) error) error {
	var errs []error
	told := false
	for _, source := range i.sources {
		s, ok := source.(Stored)
		if !ok {
			continue
		}
		err := ask(s)
		switch {
		case err == nil:
			told = true
		case !errors.Is(err, errors.ErrUnsupported):
			_, _, status := source.State()
			errs = append(errs, fmt.Errorf("%s: %s: %w", what, status.Name, err))
		}
	}
	if len(errs) == 0 && !told {
		return fmt.Errorf("%s: %w", what, errors.ErrUnsupported)
	}
	return errors.Join(errs...)
}
