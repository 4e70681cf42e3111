// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"os"
	"path/filepath"
	"testing"
)

// TestDisk: what I/O is said to be of is the disk of the machine, whatever drives it has beside it.
func TestDisk(t *testing.T) {
	t.Parallel()
	beside := map[string]string{
		"loop0/size": "8\n", "dm-0/size": "8\n", "sr0/device/": "", "sr0/size": "2097151\n", "fd0/device/": "", "fd0/size": "8\n", "sdz/device/": "", "sdz/size": "0\n",
		"mmcblk0boot0/device/": "", "mmcblk0boot0/size": "8192\n", "nvme0c0n1/device/": "", "nvme0c0n1/size": "8\n", "nvme0c0n1/hidden": "1\n",
	}
	for _, test := range []struct {
		name, want string
		disks      []string
	}{
		{"one", "/dev/vda", []string{"vda"}},
		{"flash", "/dev/mmcblk0", []string{"mmcblk0"}},
		{"nvme", "/dev/nvme0n1", []string{"nvme0n1"}},
		{"slash", "/dev/cciss/c0d0", []string{"cciss!c0d0"}},
		{"two", severalDisks, []string{"sda", "sdb"}},
		{"none", severalDisks, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			write := func(name, content string) {
				path := filepath.Join(root, "sys/block", name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if content == "" {
					if err := os.Mkdir(path, 0o755); err != nil {
						t.Fatal(err)
					}
				} else if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for name, content := range beside {
				write(name, content)
			}
			for _, disk := range test.disks {
				write(disk+"/device", "")
				write(disk+"/size", "4096\n")
				write(disk+"/hidden", "0\n")
			}
			if got := disk(root); got != test.want {
				t.Errorf("disk = %q, want %q", got, test.want)
			}
		})
	}
	if got := disk(t.TempDir()); got != severalDisks {
		t.Errorf("disk without /sys = %q", got)
	}
}
