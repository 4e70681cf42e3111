// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package containerd

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
)

// The images that a runtime has. Both hold package workload and nothing else.
const (
	Image      = "noded.test/workload:1"
	PauseImage = "noded.test/pause:1"
)

// EnvWorkload is the variable of the environment that names the program of package workload. Without it that is built.
const EnvWorkload = "NODED_WORKLOAD"

// workload is the program of package workload, built once for all tests of a process.
var workload = sync.OnceValues(func() ([]byte, error) {
	if file := os.Getenv(EnvWorkload); file != "" {
		return os.ReadFile(file)
	}
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "workload-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "workload")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", file, "./test/containerd/workload")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the program of containers: %w\n%s", err, out)
	}
	return os.ReadFile(file)
})

// archive returns both images as "docker save" writes them.
func archive() ([]byte, error) {
	program, err := workload()
	if err != nil {
		return nil, err
	}
	layer, err := tarOf(entry{"workload", program, 0o755})
	if err != nil {
		return nil, err
	}
	entries := []entry{{"layer.tar", layer, 0o644}}
	var manifest []map[string]any
	for name, tag := range map[string]string{"workload.json": Image, "pause.json": PauseImage} {
		config, err := imageConfig(tag, layer)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{name, config, 0o644})
		manifest = append(manifest, map[string]any{"Config": name, "RepoTags": []string{tag}, "Layers": []string{"layer.tar"}})
	}
	text, err := json.Marshal(manifest)
	if err != nil {
		return nil, err
	}
	return tarOf(append(entries, entry{"manifest.json", text, 0o644})...)
}

// imageConfig returns the configuration of an image with one layer.
func imageConfig(tag string, layer []byte) ([]byte, error) {
	digest := sha256.Sum256(layer)
	return json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config": map[string]any{
			"Entrypoint": []string{"/workload"},
			"Cmd":        []string{"pause"},
			"Labels":     map[string]string{"name": tag}, // images with one configuration are one image
		},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(digest[:])}},
	})
}

type entry struct {
	name    string
	content []byte
	mode    int64
}

func tarOf(entries ...entry) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if err := w.WriteHeader(&tar.Header{Name: e.name, Size: int64(len(e.content)), Mode: e.mode}); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// importImages gives the images to containerd.
func (r *Runtime) importImages(ctx context.Context) error {
	images, err := archive()
	if err != nil {
		return err
	}
	file := filepath.Join(r.workdir, "images.tar")
	if err := os.WriteFile(file, images, 0o600); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(r.programs, "ctr"), "--address", r.Socket(), "--namespace", "k8s.io",
		"images", "import", file).CombinedOutput()
	if err != nil {
		return fmt.Errorf("import images: %w\n%s", err, out)
	}
	return os.Remove(file)
}
