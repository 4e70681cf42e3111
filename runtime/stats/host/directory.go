// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"fmt"
	"path"

	"github.com/noded/noded/runtime/stats"
)

// kubeletDirectory is where the kubelet keeps what pods write, unless it is told otherwise.
const kubeletDirectory = "/var/lib/kubelet"

// imageDirectories are where runtimes keep images, unless they are told otherwise.
func imageDirectories() []string {
	return []string{"/var/lib/containerd", "/var/lib/containers", "/var/lib/docker"}
}

// Directories returns the filesystems that the kubelet's directory and those of images are on. images are what the runtimes tell; without
// them it is the first one of the usual places that is on another filesystem than /var/lib, else the first one. A directory whose filesystem is
// not reached or does not answer is there with a problem: it is not the one above it that counts. Nothing is opened at what runtimes tell.
func (r *Reader) Directories(ctx context.Context, images []string) ([]stats.Directory, error) {
	node, own, err := r.mounts()
	if err != nil {
		return nil, fmt.Errorf("look for the filesystems of directories: %w", err)
	}
	following, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	p := &places{reader: r, node: node, own: own}
	dirs := []stats.Directory{{Use: stats.DirectoryKubelet, Path: kubeletDirectory}}
	told := len(images) > 0
	if !told {
		images = p.usualImages(following)
	}
	for _, dir := range images {
		dirs = append(dirs, stats.Directory{Use: stats.DirectoryImages, Path: dir})
	}
	looks := make([]look, 0, len(dirs))
	var at []int
	for i := range dirs {
		m, ok := p.mountOf(following, dirs[i].Path, !told || i == 0)
		if !ok {
			dirs[i].Problem = "nothing is mounted there"
			continue
		}
		looks, at = append(looks, look{mount: m, at: reachable(m, own), err: ErrNoAnswer}), append(at, i)
	}
	r.ask(ctx, looks)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for n := range looks {
		l, dir := &looks[n], &dirs[at[n]]
		dir.Filesystem = l.filesystem()
		if l.err != nil {
			dir.Problem = l.err.Error()
		}
	}
	return dirs, nil
}

// places finds out what directories are on.
type places struct {
	reader    *Reader
	node, own []mount
}

// usualImages returns the directory in which images are likely.
func (p *places) usualImages(ctx context.Context) []string {
	all := imageDirectories()
	above, _ := p.mountOf(ctx, path.Dir(all[0]), true)
	for _, dir := range all {
		if m, ok := p.mountOf(ctx, dir, true); ok && m.device != above.device {
			return []string{dir}
		}
	}
	return all[:1]
}

// mountOf returns the mount of the node that a directory is on. follow: links in its path are followed.
func (p *places) mountOf(ctx context.Context, dir string, follow bool) (mount, bool) {
	dir = path.Clean(dir)
	if m, ok := p.brought(dir); ok {
		return m, true
	}
	m, ok := mountOf(p.node, dir)
	if !ok {
		return m, false
	}
	// Links can be followed only where this process sees what the node does.
	if o, ok := mountOf(p.own, dir); ok && follow && o.device == m.device && o.root == m.root && o.point == m.point {
		return mountOf(p.node, p.reader.followed(ctx, dir))
	}
	return m, true
}

// brought finds the filesystem of something in a directory that was mounted for this process alone, as BindReadOnlyPaths= does: whatever
// links and mounts of the node lead to it, that is the one.
func (p *places) brought(dir string) (mount, bool) {
	there := map[string]bool{}
	for _, m := range p.node {
		there[m.point] = true
	}
	for _, o := range uppermost(p.own) {
		if !within(o.point, dir) || there[o.point] {
			continue
		}
		for _, m := range filesystems(p.node) {
			if m.device == o.device {
				return m, true
			}
		}
	}
	return mount{}, false
}

// followed follows the links in a path. A path that does not exist, or is not followed before ctx ends, is returned as it is.
func (r *Reader) followed(ctx context.Context, dir string) string {
	q := r.begin(ctx, dir, func(q *question) { q.path, q.err = r.realPath(dir) })
	if !q.wait(ctx) || q.err != nil {
		return dir
	}
	return q.path
}
