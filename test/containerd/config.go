// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package containerd

import (
	"fmt"
	"os"
	"path/filepath"
)

const cniDirectory = "/usr/lib/cni"

// cniConfig is a bridge in the network namespace of the test.
const cniConfig = `{
  "cniVersion": "0.4.0",
  "name": "pods",
  "plugins": [{
    "type": "bridge", "bridge": "pods0", "isGateway": true,
    "ipam": {"type": "host-local", "dataDir": "/run/cni", "ranges": [[{"subnet": "10.88.0.0/16"}]]}
  }]
}
`

// configHead and the rest are for fmt.Sprintf with the work directory, the version of the configuration, the image of sandboxes,
// the directory of CNI's plugins, the path of runc and whether systemd makes cgroups, in this order.
const configHead = `version = %[2]d
root = "%[1]s/private/root"
state = "%[1]s/private/state"
disabled_plugins = [
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.erofs",
  "io.containerd.differ.v1.erofs", "io.containerd.internal.v1.opt", "io.containerd.internal.v1.tracing",
  "io.containerd.tracing.processor.v1.otlp", "io.containerd.nri.v1.nri",
]
[grpc]
  address = "%[1]s/run/containerd.sock"
`

const config1 = configHead + `
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "%[3]s"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "%[5]s"
        SystemdCgroup = %[6]t
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "%[4]s"
    conf_dir = "%[1]s/cni"
`

const config2 = configHead + `
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "%[3]s"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      BinaryName = "%[5]s"
      SystemdCgroup = %[6]t
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["%[4]s"]
    conf_dir = "%[1]s/cni"
`

// writeConfig writes the configuration of containerd and of pods' networks.
func (r *Runtime) writeConfig(runc string) error {
	text, version := config1, 2
	if r.config.Release == Current {
		text, version = config2, 3
	}
	text = fmt.Sprintf(text, r.workdir, version, PauseImage, cniDirectory, runc, r.config.SystemdCgroup)
	if err := os.WriteFile(filepath.Join(r.workdir, "config.toml"), []byte(text), 0o600); err != nil {
		return fmt.Errorf("configure containerd: %w", err)
	}
	if err := os.WriteFile(filepath.Join(r.workdir, "cni", "10-pods.conflist"), []byte(cniConfig), 0o600); err != nil {
		return fmt.Errorf("configure networks: %w", err)
	}
	return nil
}
