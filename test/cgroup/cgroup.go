// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Make makes a cgroup of that name in every hierarchy of this machine and returns their directories: also
// after an error, those that it made.
func Make(name string) ([]string, error) {
	mounts, err := hierarchies()
	if err != nil {
		return nil, err
	}
	var made []string
	for _, hierarchy := range mounts {
		dir := filepath.Join(hierarchy, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return made, fmt.Errorf("make cgroup: %w", err)
		}
		made = append(made, dir)
		// In a v1 cpuset no process can enter a cgroup before these are set.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			value, err := os.ReadFile(filepath.Join(hierarchy, file))
			if err != nil {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, file), value, 0); err != nil {
				return made, fmt.Errorf("set up cgroup: %w", err)
			}
		}
	}
	return made, nil
}

// hierarchies returns the mount points of all cgroup hierarchies. Controllers that are
// mounted together appear once.
func hierarchies() ([]string, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, fmt.Errorf("list cgroup hierarchies: %w", err)
	}
	var points []string
	seen := make(map[string]bool)
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		if len(f) < 4 || f[2] != "cgroup" && f[2] != "cgroup2" {
			continue
		}
		if key := f[2] + " " + f[3]; !seen[key] {
			seen[key] = true
			points = append(points, f[1])
		}
	}
	return points, nil
}

// Remove removes cgroups that hold no process any more, and those below them. The kernel may need a
// moment until a cgroup whose processes have died is empty.
func Remove(dirs []string) error {
	var problems []error
	for _, dir := range dirs {
		var err error
		for range 3000 {
			if err = remove(dir); !errors.Is(err, syscall.EBUSY) {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("remove cgroup: %w", err))
		}
	}
	return errors.Join(problems...)
}

func remove(dir string) error {
	var all []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			all = append(all, path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.Reverse(all)
	for _, path := range all {
		if err := syscall.Rmdir(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return &fs.PathError{Op: "rmdir", Path: path, Err: err}
		}
	}
	return nil
}
