// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/moby/moby/client"
)

// Image holds package workload and nothing else.
const Image = "noded.test/workload:1"

// workload builds the program of containers.
func (d *Daemon) workload(ctx context.Context) ([]byte, error) {
	file := filepath.Join(d.workdir, "workload")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", file,
		"github.com/noded/noded/test/containerd/workload")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the program of containers: %w\n%s", err, out)
	}
	return os.ReadFile(file)
}

// loadImage gives the image to the daemon, in the form in which "docker save" writes it.
func (d *Daemon) loadImage(ctx context.Context) error {
	program, err := d.workload(ctx)
	if err != nil {
		return err
	}
	layer, err := tarOf(entry{"workload", program, 0o755})
	if err != nil {
		return err
	}
	digest := sha256.Sum256(layer)
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config":       map[string]any{"Entrypoint": []string{"/workload"}, "Cmd": []string{"pause"}},
		"rootfs":       map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(digest[:])}},
	})
	if err != nil {
		return err
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{Image}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		return err
	}
	archive, err := tarOf(entry{"manifest.json", manifest, 0o644}, entry{"config.json", config, 0o644}, entry{"layer.tar", layer, 0o644})
	if err != nil {
		return err
	}
	answer, err := d.api.ImageLoad(ctx, bytes.NewReader(archive), client.ImageLoadWithQuiet(true))
	if err != nil {
		return fmt.Errorf("load image: %w", err)
	}
	defer answer.Close()
	if text, err := io.ReadAll(answer); err != nil || bytes.Contains(text, []byte("errorDetail")) {
		return fmt.Errorf("load image: %w: %s", err, text)
	}
	return nil
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
