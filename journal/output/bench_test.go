// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/noded/noded/journal"
)

// kubeletRecords makes n records as journald makes them of the output of a few services, kubelet first, with the fields that the
// mode asks for. shared tells the Printer what they have in common.
func kubeletRecords(o *Options, n int, shared bool) []*journal.Record {
	random := rand.New(rand.NewPCG(3, 4))
	mask := o.Fields()
	ids := map[string]uint64{}
	var runs []*journal.Run
	for i, service := range []string{"kubelet", "containerd", "sshd", "systemd-networkd"} {
		run := &journal.Run{ID: uint64(i + 1)}
		for _, f := range [][2]string{
			{"_BOOT_ID", "0123456789abcdef0123456789abcdef"}, {"_MACHINE_ID", "0123456789abcdef0123456789abcdef"}, {"_HOSTNAME", "node-17"},
			{"_RUNTIME_SCOPE", "system"}, {"_UID", "0"}, {"_GID", "0"}, {"_SELINUX_CONTEXT", "unconfined"}, {"_SYSTEMD_SLICE", "system.slice"}, {"_CAP_EFFECTIVE", "1ffffffffff"},
			{"_TRANSPORT", "stdout"}, {"_STREAM_ID", "0123456789abcdef0123456789abcdef"}, {"SYSLOG_IDENTIFIER", service}, {"_PID", fmt.Sprint(1000 + i)}, {"_COMM", service},
			{"_EXE", "/usr/bin/" + service}, {"_CMDLINE", "/usr/bin/" + service + " --config=/var/lib/" + service + "/config.yaml --node-ip=10.0.0.17"},
			{"_SYSTEMD_CGROUP", "/system.slice/" + service + ".service"}, {"_SYSTEMD_UNIT", service + ".service"}, {"_SYSTEMD_INVOCATION_ID", "0123456789abcdef0123456789abcdef"},
			{"SYSLOG_FACILITY", "3"},
		} {
			if !mask.Has(f[0]) {
				continue
			}
			pair := f[0] + "=" + f[1]
			if ids[pair] == 0 {
				ids[pair] = uint64(len(ids) + 1)
			}
			run.Fields = append(run.Fields, journal.Field{Name: f[0], Value: []byte(f[1]), ID: ids[pair]})
		}
		runs = append(runs, run)
	}
	records := make([]*journal.Record, n)
	for i := range records {
		r := &journal.Record{Run: runs[random.IntN(6)%len(runs)], Header: journal.Header{
			SeqnumID: journal.ID128{1, 2, 3}, BootID: journal.ID128{4, 5, 6}, Seqnum: uint64(100000 + i), XorHash: random.Uint64(),
			Realtime: journal.Usec(1700000000000000 + i*40000), Monotonic: journal.Usec(5000000000 + i*40000),
		}}
		r.Fields = append(r.Fields, r.Run.Fields...)
		message := fmt.Sprintf(`I1123 21:34:08.%06d    1234 kubelet.go:2123] "SyncLoop UPDATE" source="api" pods=["kube-system/coredns-%08x-abcde"]`, random.IntN(1e6), random.Uint32())
		for _, f := range []journal.Field{
			{Name: "PRIORITY", Value: []byte("6"), ID: 100}, {Name: fieldMessage, Value: []byte(message)},
			{Name: "CODE_FILE", Value: []byte("pkg/kubelet/kubelet.go"), ID: 101}, {Name: fieldSourceRealtime, Value: []byte(fmt.Sprint(uint64(r.Realtime) - 20))},
		} {
			if mask.Has(f.Name) {
				r.Fields = append(r.Fields, f)
			}
		}
		if !shared {
			r = bare(r)
		}
		records[i] = r
	}
	return records
}

// BenchmarkPrint prints one record of many at a time: with runs, as from the native engine and the client, and without, as from
// libsystemd.
func BenchmarkPrint(b *testing.B) {
	for _, mode := range []Mode{JSON, JSONPretty, Export, Verbose, Short, ShortISOPrecise, WithUnit, Cat} {
		for _, shared := range []bool{true, false} {
			b.Run(fmt.Sprintf("%v/runs=%v", mode, shared), func(b *testing.B) {
				o := Options{Mode: mode, Location: time.UTC}
				records := kubeletRecords(&o, 4096, shared)
				var size bytes.Buffer
				p := New(&size, o)
				for _, r := range records {
					if err := p.Print(r); err != nil {
						b.Fatal(err)
					}
				}
				if err := p.Flush(); err != nil {
					b.Fatal(err)
				}
				p = New(io.Discard, o)
				b.SetBytes(int64(size.Len() / len(records)))
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if err := p.Print(records[i%len(records)]); err != nil {
						b.Fatal(err)
					}
					i++
				}
			})
		}
	}
}
