// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package native_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journaltest"
)

// TestAllocations: once the values of a journal are known, reading it allocates nothing.
func TestAllocations(t *testing.T) { //nolint:paralleltest // it counts allocations
	const files, each = 3, 2000
	dir := t.TempDir()
	for i := range files {
		list := followed(i*each, each)
		for k := range list {
			list[k].Fields = append([]journal.Field{
				journaltest.F("_COMM", "kubelet"), journaltest.F("_PID", fmt.Sprint(k%5)), journaltest.F("PRIORITY", fmt.Sprint(k%4)),
				journaltest.F("_SYSTEMD_UNIT", "kubelet.service"), journaltest.F("_HOSTNAME", "node"),
			}, list[k].Fields...)
		}
		o := journaltest.FileOptions{SeqnumID: journal.ID128{7}, FirstSeqnum: uint64(each*i + 1), State: journalfile.StateOffline}
		if err := journaltest.WriteFile(filepath.Join(dir, fmt.Sprintf("user-%d.journal", i)), o, list); err != nil {
			t.Fatal(err)
		}
	}
	mask := journal.Mask{"MESSAGE", "_PID", "_HOSTNAME"}
	var fields []journal.Field
	for _, tt := range []struct {
		name string
		use  func(e journal.Entry) error
	}{
		{"nothing", func(journal.Entry) error { return nil }},
		{"all", func(e journal.Entry) (err error) { _, fields, err = e.Split(fields[:0], nil); return err }},
		{"some", func(e journal.Entry) (err error) { _, fields, err = e.Split(fields[:0], mask); return err }},
		{"one", func(e journal.Entry) error { _, err := e.Lookup("MESSAGE"); return err }},
	} {
		r := openAt(t, journal.Source{Directory: dir}, journal.Head())
		read := func(n int) {
			for range n {
				e, err := r.Next()
				if err == nil {
					err = tt.use(e)
				}
				if err != nil {
					t.Fatalf("%s: %v", tt.name, err)
				}
			}
		}
		read(files*each - 1000)
		if n := testing.AllocsPerRun(1, func() { read(400) }) / 400; n > 0.05 {
			t.Errorf("%s: %v allocations for each entry", tt.name, n)
		}
	}
}
