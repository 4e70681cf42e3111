// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package containerd

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	rotatedTime      = "20060102-150405"
	compressedSuffix = ".gz"
	unfinishedSuffix = ".tmp"
)

// Rotation says how logs are rotated.
type Rotation struct {
	// MaxFiles is the number of files that are kept, the live one included; the kubelet's 5 if it is 0.
	MaxFiles int
}

// Rotate rotates the log as the kubelet does when it has become large: leftovers of earlier rotations go, then the
// oldest files, the rest is compressed, and the live file gets another name before the runtime opens a new one.
func (c *RunningContainer) Rotate(ctx context.Context, rotation Rotation) error {
	if rotation.MaxFiles == 0 {
		rotation.MaxFiles = 5
	}
	if err := c.rotate(ctx, rotation); err != nil {
		return fmt.Errorf("rotate the log of container %s: %w", c.Name, err)
	}
	return nil
}

func (c *RunningContainer) rotate(ctx context.Context, rotation Rotation) error {
	live := c.LogFile()
	rotated, err := rotatedFiles(live)
	if err != nil {
		return err
	}
	newName := live + "." + rotationTime(live, rotated).Format(rotatedTime)
	// The one that is still to be rotated, and the live one that comes after it.
	for len(rotated) > max(rotation.MaxFiles-2, 0) {
		if err := os.Remove(rotated[0]); err != nil {
			return err
		}
		rotated = rotated[1:]
	}
	for _, file := range rotated {
		if strings.HasSuffix(file, compressedSuffix) {
			continue
		}
		if err := compress(file); err != nil {
			return err
		}
	}
	if err := os.Rename(live, newName); err != nil {
		return err
	}
	_, err = c.pod.runtime.runtimeAPI.ReopenContainerLog(ctx, &cri.ReopenContainerLogRequest{ContainerId: c.ID})
	if err != nil {
		return errors.Join(err, os.Rename(newName, live))
	}
	// The kubelet compresses it ten seconds later or more.
	return c.pod.runtime.waitClosed(ctx, newName)
}

// rotatedFiles removes what unfinished rotations left and returns the rotated files, oldest first.
func rotatedFiles(live string) ([]string, error) {
	all, err := filepath.Glob(live + ".*")
	if err != nil {
		return nil, err
	}
	slices.Sort(all) // by time, because of the names
	var out []string
	for _, file := range all {
		if strings.HasSuffix(file, unfinishedSuffix) || slices.Contains(all, file+compressedSuffix) {
			if err := os.Remove(file); err != nil {
				return nil, err
			}
			continue
		}
		out = append(out, file)
	}
	return out, nil
}

// rotationTime returns now, or a second after the newest rotated file if that is later: the kubelet does not
// rotate twice in a second, tests do.
func rotationTime(live string, rotated []string) time.Time {
	now := time.Now()
	if len(rotated) == 0 {
		return now
	}
	newest := strings.TrimSuffix(strings.TrimPrefix(rotated[len(rotated)-1], live+"."), compressedSuffix)
	last, err := time.ParseInLocation(rotatedTime, newest, time.Local)
	if err == nil && !now.After(last.Add(time.Second)) {
		return last.Add(time.Second)
	}
	return now
}

// compress replaces a file by a compressed one.
func compress(file string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	unfinished := file + unfinishedSuffix
	out, err := os.OpenFile(unfinished, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		return err
	}
	w := gzip.NewWriter(out)
	_, err = io.Copy(w, in)
	if err := errors.Join(err, w.Close(), out.Close()); err != nil {
		return err
	}
	if err := os.Rename(unfinished, file+compressedSuffix); err != nil {
		return err
	}
	return os.Remove(file)
}
