// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const (
	root    = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
	kubelet = "2 1 8:2 / /var/lib/kubelet rw - xfs /dev/sdb rw\n"
	images  = "3 1 8:3 / /var/lib/containerd rw - xfs /dev/sdc rw\n"
	data    = "4 1 8:4 / /data rw - ext4 /dev/sdd rw\n"
	bind    = "5 1 8:4 /kubelet /var/lib/kubelet rw - ext4 /dev/sdd rw\n"

	ownRoot = "11 10 8:1 / / ro - ext4 /dev/sda1 rw\n"
	ownData = "14 11 8:4 / /data ro - ext4 /dev/sdd rw\n"
	// What the unit of noded does: /var/lib is hidden, and what was mounted there with it.
	unit = "12 11 8:2 / /var/lib/kubelet ro - xfs /dev/sdb rw\n13 11 8:3 / /var/lib/containerd ro - xfs /dev/sdc rw\n" +
		"15 11 8:4 /kubelet /var/lib/kubelet ro - ext4 /dev/sdd rw\n16 11 0:61 / /var/lib ro - tmpfs tmpfs ro\n"
	brought = "17 16 8:2 /cpu_manager_state /var/lib/kubelet/cpu_manager_state ro - xfs /dev/sdb rw\n"
)

// unitReader is a reader in a mount namespace in which /var/lib is hidden, all but what was brought there.
func unitReader(t *testing.T, node, own string) *Reader {
	t.Helper()
	r := New(Config{Proc: files(t, map[string]string{"1/mountinfo": node, "self/mountinfo": own})})
	r.statfs = func(path string, id uint64) (usage, error) {
		for _, m := range parseMountinfo([]byte(own)) {
			visible, _ := mountOf(parseMountinfo([]byte(own)), path)
			if m.point == path && m.id == id && visible.id == id {
				return newUsage(1, 100, 40, 40, id, 1), nil
			}
		}
		return usage{}, fmt.Errorf("%w: %s", ErrHidden, path)
	}
	r.realPath = func(path string) (string, error) { return path, nil }
	return r
}

func TestDirectories(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, node, own string
		images          []string
		want            string
	}{
		{"one filesystem", root, ownRoot + unit, nil, "1 /var/lib/kubelet: / 11; 2 /var/lib/containerd: / 11"},
		{
			"disks of their own that are hidden", root + kubelet + images, ownRoot + unit, nil,
			"1 /var/lib/kubelet: /var/lib/kubelet hidden; 2 /var/lib/containerd: /var/lib/containerd hidden",
		},
		{
			"a disk of its own of which something can be seen", root + kubelet, ownRoot + unit + brought, nil,
			"1 /var/lib/kubelet: /var/lib/kubelet 17; 2 /var/lib/containerd: / 11",
		},
		{"a bind mount of a disk that can be seen", root + data + bind, ownRoot + ownData + unit, nil, "1 /var/lib/kubelet: /var/lib/kubelet 14; 2 /var/lib/containerd: / 11"},
		{"a link to a disk that can be seen by what is there", root + "4 1 8:2 / /data rw - xfs /dev/sdb rw\n", ownRoot + unit + brought, nil, "1 /var/lib/kubelet: /data 17; 2 /var/lib/containerd: / 11"},
		{"a mount that another one covers", root + kubelet + "6 1 8:4 / /var/lib rw - ext4 /dev/sdd rw\n", ownRoot + ownData, nil, "1 /var/lib/kubelet: /var/lib 14; 2 /var/lib/containerd: /var/lib 14"},
		{"docker", root + "6 1 8:4 / /var/lib/docker rw - ext4 /dev/sdd rw\n", ownRoot + ownData, nil, "1 /var/lib/kubelet: / 11; 2 /var/lib/docker: /var/lib/docker 14"},
		{"what the runtimes tell", root + data, ownRoot + ownData, []string{"/data/k3s/", "/x"}, "1 /var/lib/kubelet: / 11; 2 /data/k3s/: /data 14; 2 /x: / 11"},
		{"a directory of that beginning", root + "6 1 8:4 / /var/lib/kubelet2 rw - ext4 /dev/sdd rw\n", ownRoot, nil, "1 /var/lib/kubelet: / 11; 2 /var/lib/containerd: / 11"},
		{"what stores nothing", root + "6 1 0:9 / /var/lib/kubelet rw - tmpfs tmpfs rw\n", ownRoot + "16 11 0:9 / /var/lib/kubelet rw - tmpfs tmpfs rw\n", nil, "1 /var/lib/kubelet: /var/lib/kubelet 16; 2 /var/lib/containerd: / 11"},
		{"hidden by the unit", root, ownRoot + "16 11 0:9 /systemd/inaccessible/dir /var/lib/kubelet ro - tmpfs tmpfs rw\n", nil, "1 /var/lib/kubelet: / 11; 2 /var/lib/containerd: / 11"},
		{"nothing", "7 0 8:1 / /x rw - ext4 /dev/sda1 rw\n", ownRoot, nil, "1 /var/lib/kubelet:  nothing is mounted there; 2 /var/lib/containerd:  nothing is mounted there"},
		{"parents go round", "1 2 8:1 / / rw - ext4 a rw\n2 1 8:2 / /var rw - ext4 b rw\n", ownRoot, nil, "1 /var/lib/kubelet: / 11; 2 /var/lib/containerd: / 11"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dirs, err := unitReader(t, tt.node, tt.own).Directories(t.Context(), tt.images)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range dirs {
				how := fmt.Sprint(d.Filesystem.Inodes)
				switch {
				case strings.Contains(d.Problem, ErrHidden.Error()):
					how = "hidden"
				case d.Problem != "":
					how = d.Problem
				}
				got = append(got, fmt.Sprintf("%d %s: %s %s", d.Use, d.Path, d.Filesystem.MountPoint, how))
			}
			if text := strings.Join(got, "; "); text != tt.want {
				t.Errorf("%s\nwant\n%s", text, tt.want)
			}
		})
	}
}

// Links are followed where this process sees what the node does, and not for what runtimes tell.
func TestDirectoryLinks(t *testing.T) {
	t.Parallel()
	r := unitReader(t, root+data, ownRoot+ownData)
	var asked []string
	r.realPath = func(path string) (string, error) {
		asked = append(asked, path)
		if path == kubeletDirectory {
			return "/data/kubelet", nil
		}
		return "", errors.New("not there")
	}
	dirs, err := r.Directories(t.Context(), []string{"/told"})
	if err != nil || len(dirs) != 2 || dirs[0].Filesystem.MountPoint != "/data" || dirs[1].Filesystem.MountPoint != "/" || slices.Contains(asked, "/told") {
		t.Errorf("Directories() = %+v, %v, followed %q", dirs, err, asked)
	}
}

func TestDirectoriesHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := unitReader(t, root, ownRoot)
		release := make(chan struct{})
		r.realPath = func(string) (string, error) {
			<-release
			return "", nil
		}
		r.statfs = func(string, uint64) (usage, error) {
			<-release
			return usage{}, nil
		}
		began := time.Now()
		dirs, err := r.Directories(t.Context(), nil)
		if err != nil || len(dirs) != 2 || dirs[0].Problem != ErrNoAnswer.Error() || dirs[0].Filesystem.Device != "/dev/sda1" {
			t.Errorf("Directories() = %+v, %v", dirs, err)
		}
		if took := time.Since(began); took > 2*answerWithin {
			t.Errorf("it took %v", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.Directories(ctx, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		close(release)
		synctest.Wait()
		if len(r.asked) != 0 || len(r.slots) != 0 {
			t.Errorf("%d and %d are left", len(r.asked), len(r.slots))
		}
	})
	if _, err := New(Config{Proc: filepath.Join(t.TempDir(), "none")}).Directories(t.Context(), nil); err == nil {
		t.Error("without a mountinfo: no error")
	}
}
