// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/noded/noded/runtime/inventory"
)

func layerOf(id string, nanoseconds int64, bytes, inodes uint64) *runtimeapi.ContainerStats {
	return &runtimeapi.ContainerStats{
		Attributes: &runtimeapi.ContainerAttributes{Id: id},
		WritableLayer: &runtimeapi.FilesystemUsage{
			Timestamp: nanoseconds, UsedBytes: &runtimeapi.UInt64Value{Value: bytes}, InodesUsed: &runtimeapi.UInt64Value{Value: inodes},
		},
	}
}

// stored runs a source of a fake until it has answered.
func stored(t *testing.T, f *fakeRuntime) (source inventory.Source, stop func()) {
	t.Helper()
	socket := socketOf(t)
	stop = f.serve(t, socket)
	s, changed := run(t, Config{Socket: socket, Timeout: 5 * time.Second})
	await(t, s, changed, "an answer", func(_ []inventory.Pod, r inventory.RuntimeStatus) bool { return !r.Since.IsZero() })
	return s, stop
}

func TestWritableLayers(t *testing.T) {
	t.Parallel()
	f := newFake(nameContainerd)
	f.stats = []*runtimeapi.ContainerStats{
		layerOf("c0", 1_700_000_000e9, 4096, 7), layerOf("c1", 1_700_000_001e9, 0, 0),
		layerOf("", 1_700_000_000e9, 1, 1), layerOf("unmeasured", 0, 0, 0), {Attributes: &runtimeapi.ContainerAttributes{Id: "none"}}, {},
	}
	f.images = []*runtimeapi.FilesystemUsage{{
		Timestamp: 1_700_000_002e9, FsId: &runtimeapi.FilesystemIdentifier{Mountpoint: "/var/lib/containerd/overlayfs"},
		UsedBytes: &runtimeapi.UInt64Value{Value: 1 << 30}, InodesUsed: &runtimeapi.UInt64Value{Value: 99},
	}, {}}
	s, stop := stored(t, f)
	inv := inventory.New(inventory.Config{Sources: []inventory.Source{s}})
	layers, err := inv.WritableLayers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]inventory.WritableLayer{
		"c0": {Time: time.Unix(1_700_000_000, 0), Bytes: 4096, Inodes: 7}, "c1": {Time: time.Unix(1_700_000_001, 0)},
	}
	if d := cmp.Diff(want, layers); d != "" {
		t.Error(d)
	}
	images, err := inv.ImageFilesystems(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantImages := []inventory.ImageFilesystem{
		{Time: time.Unix(1_700_000_002, 0), MountPoint: "/var/lib/containerd/overlayfs", Bytes: 1 << 30, Inodes: 99}, {},
	}
	if d := cmp.Diff(wantImages, images); d != "" {
		t.Error(d)
	}
	f.mu.Lock()
	f.before = func(_ context.Context, method string) error {
		if method == "ListContainerStats" {
			return status.Error(codes.Unknown, "failed to fetch metrics: it is broken")
		}
		return nil
	}
	f.mu.Unlock()
	if _, err := inv.WritableLayers(t.Context()); err == nil || !strings.Contains(err.Error(), "it is broken") {
		t.Errorf("error of the runtime = %v", err)
	}
	stop()
	if layers, err := inv.WritableLayers(t.Context()); err == nil || len(layers) > 0 {
		t.Errorf("of a runtime that has ended: %v, %v", layers, err)
	}
}

func TestWritableLayersUnsupported(t *testing.T) {
	t.Parallel()
	s, _ := stored(t, newFake("cri-o"))
	inv := inventory.New(inventory.Config{Sources: []inventory.Source{s}})
	if _, err := inv.WritableLayers(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("WritableLayers: %v, want %v", err, errors.ErrUnsupported)
	}
	if _, err := inv.ImageFilesystems(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("ImageFilesystems: %v, want %v", err, errors.ErrUnsupported)
	}
	if _, err := inventory.New(inventory.Config{}).WritableLayers(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("without runtimes: %v, want %v", err, errors.ErrUnsupported)
	}
}

func TestWritableLayersWithoutConnection(t *testing.T) {
	t.Parallel()
	s := New(Config{Socket: socketOf(t)}).(inventory.Stored)
	if _, err := s.WritableLayers(t.Context()); !errors.Is(err, errAway) {
		t.Errorf("before it is run: %v, want %v", err, errAway)
	}
	f := newFake(nameContainerd)
	f.stats = []*runtimeapi.ContainerStats{}
	f.before = func(ctx context.Context, method string) error {
		if method == "ListContainerStats" {
			<-ctx.Done()
		}
		return nil
	}
	source, _ := stored(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := source.(inventory.Stored).WritableLayers(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
