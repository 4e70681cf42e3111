// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// machine makes a sysfs with these files and directories, which have no text.
func machine(t *testing.T, contents map[string]string) string {
	t.Helper()
	sys := t.TempDir()
	for name, text := range contents {
		path := filepath.Join(sys, "block", name)
		dir := path
		if text != "" {
			dir = filepath.Dir(path)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if text == "" {
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return sys
}

func TestFind(t *testing.T) {
	t.Parallel()
	sys := machine(t, map[string]string{
		"vda/dev": "254:0\n", "vda/hidden": "0\n", "vda/slaves": "", "vda/holders": "", "vda/vda1/holders/dm-0": "", "cciss!c0d0/dev": "104:0\n",
		"nvme0n1/dev": "259:1\n", "nvme0n1/hidden": "0\n", "nvme0c0n1/hidden": "1\n", "nvme0c0n1/dev": "259:0\n",
		"dm-0/dev": "253:0\n", "dm-0/slaves/vda1": "", "dm-0/holders/dm-1": "", // LUKS
		"dm-1/dev": "253:1\n", "dm-1/slaves/dm-0": "", "dm-1/holders": "", // LVM on it
		"md0/dev": "9:0\n", "md0/slaves/sda": "", "md0/md0p1/holders": "", "md0/md0p2/holders/dm-2": "",
		"loop0/dev": "7:0\n", "loop0/slaves": "", "ram0/dev": "1:0\n", "zram0/dev": "252:0\n", "dm-9/slaves/vda": "", "dm-9/dev": "nonsense",
	})
	got, err := Find(sys)
	if err != nil {
		t.Fatal(err)
	}
	want := &Devices{
		disks: map[string]bool{"vda": true, "cciss/c0d0": true, "nvme0n1": true},
		kinds: map[Number]Kind{
			{259, 0}: Uncounted, {253, 0}: Uncounted, {253, 1}: Stacked, {9, 0}: Uncounted, {7, 0}: Stacked, {1, 0}: Uncounted, {252, 0}: Uncounted,
		},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Devices{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if k := got.Kind(Number{8, 0}); k != Disk {
		t.Errorf("what is not known is %d", k)
	}
	var none *Devices
	if none.Kind(Number{253, 1}) != Disk || len(none.Disks()) != 0 {
		t.Error("nil devices know something")
	}
	if _, err := Find(filepath.Join(sys, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without sysfs: %v", err)
	}
}

func TestParseNumber(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Number{
		"8:0": {8, 0}, "253:1048575": {253, 1048575}, "": {}, ":": {}, "8": {}, "8:": {}, ":1": {}, "8:0 ": {}, "8:-1": {}, "(unknown)": {}, "1:4294967296": {}, "8:0:1": {},
	} {
		if got, ok := ParseNumber([]byte(text)); got != want || ok != (want != Number{}) {
			t.Errorf("ParseNumber(%q) = %v, %v, want %v", text, got, ok, want)
		}
	}
}
