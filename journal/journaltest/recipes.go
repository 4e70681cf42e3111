// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
)

// recipe builds one fixture in a directory.
type recipe struct {
	name, description string
	// bad are the names of files that cannot be read.
	bad   []string
	build func(dir string) error
}

func recipes() []recipe {
	return append([]recipe{
		{name: "basic", description: "one file, one boot", build: single(Options{}, plain(500, id(0xb1)))},
		{name: "several-files", description: "rotated system journals and a user journal of one sequence", build: buildSeveralFiles},
		{name: "boots", description: "four boots in two files", build: buildBoots},
		{name: "machines", description: "two machines with overlapping times, in subdirectories", build: buildMachines},
		{name: "namespaces", description: "the default namespace and two others", build: buildNamespaces},
		{name: "clock-step", description: "the clock steps back inside a boot and between boots", build: buildClockStep},
		{name: "binary", description: "values with control characters, NUL, invalid UTF-8", build: single(Options{}, binaryValues())},
		{name: "multi-line", description: "messages of several lines, long lines, tabs, escapes", build: single(Options{}, multiLine())},
		{name: "huge", description: "values of 70 KiB and 2 MiB, compressed and not", build: single(Options{}, huge())},
		{name: "repeated", description: "fields that occur more than once in an entry", build: single(Options{}, repeated())},
		{name: "no-message", description: "entries without MESSAGE", build: single(Options{}, noMessage())},
		{name: "unkeyed", description: "hashes without key, as before systemd 246", build: single(Options{Unkeyed: true}, plain(300, id(0xb2)))},
		{name: "regular", description: "not compact, as before systemd 252", build: single(Options{Regular: true}, plain(300, id(0xb3)))},
		{name: "oldest", description: "neither compact nor keyed", build: single(Options{Regular: true, Unkeyed: true}, huge())},
		{name: "empty", description: "no entries; one file of no length", bad: []string{"zero.journal"}, build: buildEmpty},
		{
			name: "truncated", description: "a good file, one cut off, one that is no journal, one with an unknown flag",
			bad: []string{"cut.journal", "garbage.journal", "flag.journal"}, build: buildTruncated,
		},
		{name: "left-over", description: "a .journal~ that a crash left", build: buildLeftOver},
		{name: "node-day", description: "a day of a Kubernetes node", build: buildNodeDay},
	}, variantRecipes()...)
}

// Times are counted from here: 2023-11-14 22:13:20 UTC.
const epoch journal.Usec = 1_700_000_000_000_000

const (
	millisecond journal.Usec = 1000
	second                   = 1000 * millisecond
	minute                   = 60 * second
	hour                     = 60 * minute
)

// machine and otherMachine are the machines of the corpus.
func machine() journal.ID128      { return id(0xa1) }
func otherMachine() journal.ID128 { return id(0xa2) }

// id makes an identifier that is easy to see in a dump.
func id(b byte) journal.ID128 {
	return journal.ID128(bytes.Repeat([]byte{b}, 16))
}

// seqnumID names the sequence of a fixture's files.
func seqnumID(n byte) journal.ID128 { return id(0xc0 + n) }

func single(o Options, entries []Entry) func(dir string) error {
	o.SeqnumID = seqnumID(0)
	return func(dir string) error {
		return write(filepath.Join(dir, "system.journal"), o, entries)
	}
}

// timeline makes n entries, one every 10 ms, with a message, and
// whatever fields adds.
func timeline(n int, boot journal.ID128, begin journal.Usec, fields func(i int) []journal.Field) []Entry {
	entries := make([]Entry, n)
	for i := range entries {
		after := journal.Usec(i) * 10 * millisecond
		entries[i] = Entry{
			Realtime:  begin + after,
			Monotonic: 5*second + after,
			BootID:    boot,
			Fields:    fields(i),
		}
	}
	return entries
}

// common are the fields that nearly every entry has.
func common(unit, identifier string, pid, priority int) []journal.Field {
	return []journal.Field{
		F("_MACHINE_ID", machine().String()),
		F("_HOSTNAME", "node-1"),
		F("_TRANSPORT", "journal"),
		F("_UID", "0"),
		F("_PID", fmt.Sprint(pid)),
		F("_COMM", identifier),
		F("_SYSTEMD_UNIT", unit),
		F("SYSLOG_IDENTIFIER", identifier),
		F("PRIORITY", fmt.Sprint(priority)),
	}
}

func plain(n int, boot journal.ID128) []Entry {
	units := []string{"alpha.service", "beta.service", "gamma.service"}
	return timeline(n, boot, epoch, func(i int) []journal.Field {
		unit := units[i%len(units)]
		return append(common(unit, strings.TrimSuffix(unit, ".service"), 100+i%len(units), i%8),
			F("MESSAGE", fmt.Sprintf("message %d of %s", i, unit)),
			F("COUNT", fmt.Sprint(i)))
	})
}

func buildSeveralFiles(dir string) error {
	entries := plain(900, id(0xb5))
	for i := range entries {
		entries[i].Seqnum = uint64(i + 1)
	}
	var system [3][]Entry
	var user []Entry
	for i := range entries {
		if i%7 == 3 {
			e := entries[i]
			e.Fields = append(e.Fields, F("_SYSTEMD_OWNER_UID", "1000"))
			user = append(user, e)
			continue
		}
		system[i/300] = append(system[i/300], entries[i])
	}
	o := Options{SeqnumID: seqnumID(1)}
	dir = filepath.Join(dir, machine().String())
	if err := write(filepath.Join(dir, "user-1000.journal"), o, user); err != nil {
		return err
	}
	return writeRotated(dir, o, system[:])
}

// writeRotated writes the parts as journald leaves them: archived files and, last, system.journal.
func writeRotated(dir string, o Options, parts [][]Entry) error {
	for i, part := range parts {
		name := "system.journal"
		if i < len(parts)-1 {
			name = fmt.Sprintf("system@%s-%016x-%016x.journal", o.SeqnumID, part[0].Seqnum, uint64(part[0].Realtime))
			o.State = journalfile.StateArchived
		} else {
			o.State = journalfile.StateOffline
		}
		if err := write(filepath.Join(dir, name), o, part); err != nil {
			return err
		}
	}
	return nil
}

func buildBoots(dir string) error {
	var entries []Entry
	for boot := range 4 {
		begin := epoch + journal.Usec(boot)*hour
		entries = append(entries, timeline(100+boot*20, id(0xd0+byte(boot)), begin, func(i int) []journal.Field {
			return append(common("boot.service", "boot", 10+boot, 6), F("MESSAGE", fmt.Sprintf("boot %d entry %d", boot, i)))
		})...)
	}
	for i := range entries {
		entries[i].Seqnum = uint64(i + 1)
	}
	// The first file ends within the second boot.
	return writeRotated(filepath.Join(dir, machine().String()), Options{SeqnumID: seqnumID(2)}, [][]Entry{entries[:170], entries[170:]})
}

func buildMachines(dir string) error {
	for m, machineID := range []journal.ID128{machine(), otherMachine()} {
		var entries []Entry
		for boot := range 2 {
			begin := epoch + journal.Usec(m)*5*millisecond + journal.Usec(boot)*10*second
			entries = append(entries, timeline(200, id(0xe0+byte(m*2+boot)), begin, func(i int) []journal.Field {
				return []journal.Field{
					F("_MACHINE_ID", machineID.String()),
					F("_HOSTNAME", fmt.Sprintf("machine-%d", m)),
					F("_SYSTEMD_UNIT", "shared.service"),
					F("SYSLOG_IDENTIFIER", "shared"),
					F("PRIORITY", fmt.Sprint(i%8)),
					F("MESSAGE", fmt.Sprintf("machine %d boot %d entry %d", m, boot, i)),
				}
			})...)
		}
		o := Options{SeqnumID: seqnumID(3 + byte(m))}
		if err := write(filepath.Join(dir, machineID.String(), "system.journal"), o, entries); err != nil {
			return err
		}
	}
	return nil
}

func buildNamespaces(dir string) error {
	for n, namespace := range []string{"", "web", "db"} {
		sub := machine().String()
		if namespace != "" {
			sub += "." + namespace
		}
		entries := timeline(120, id(0xb6), epoch+journal.Usec(n)*3*millisecond, func(i int) []journal.Field {
			fields := append(common(fmt.Sprintf("ns%d.service", n), "ns", 20+n, 6), F("MESSAGE", fmt.Sprintf("namespace %q entry %d", namespace, i)))
			if namespace != "" {
				fields = append(fields, F("_NAMESPACE", namespace))
			}
			return fields
		})
		if err := write(filepath.Join(dir, sub, "system.journal"), Options{SeqnumID: seqnumID(5 + byte(n))}, entries); err != nil {
			return err
		}
	}
	return nil
}

func buildClockStep(dir string) error {
	var entries []Entry
	add := func(boot journal.ID128, realtime, monotonic journal.Usec, n int, text string) {
		for i := range n {
			after := journal.Usec(i) * 100 * millisecond
			entries = append(entries, Entry{
				Realtime: realtime + after, Monotonic: monotonic + after, BootID: boot, Seqnum: uint64(len(entries) + 1),
				Fields: append(common("clock.service", "clock", 30, 5), F("MESSAGE", fmt.Sprintf("%s %d", text, i))),
			})
		}
	}
	first, second2, third := id(0xf1), id(0xf2), id(0xf3)
	add(first, epoch+2*hour, 10*second, 80, "before the step")
	add(first, epoch+1*hour, 20*second, 80, "one hour back")
	add(first, epoch+3*hour, 40*second, 40, "forward again")
	add(second2, epoch+30*minute, 5*second, 80, "next boot, clock earlier")
	add(third, epoch+4*hour, 5*second, 40, "last boot")
	return writeRotated(filepath.Join(dir, machine().String()), Options{SeqnumID: seqnumID(8)}, [][]Entry{entries[:120], entries[120:]})
}

func buildEmpty(dir string) error {
	if err := write(filepath.Join(dir, "system.journal"), Options{SeqnumID: seqnumID(9)}, nil); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "zero.journal"), nil, 0o644)
}

func buildTruncated(dir string) error {
	if err := single(Options{}, plain(200, id(0xb7)))(dir); err != nil {
		return err
	}
	content, err := os.ReadFile(filepath.Join(dir, "system.journal"))
	if err != nil {
		return err
	}
	flag := bytes.Clone(content[:1<<20])
	flag[15] |= 0x40 // the highest byte of the incompatible flags
	for name, bad := range map[string][]byte{
		"cut.journal":     content[:len(content)/2],
		"garbage.journal": []byte(strings.Repeat("this is no journal\n", 100)),
		"flag.journal":    flag,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), bad, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func buildLeftOver(dir string) error {
	entries := plain(200, id(0xb8))
	for i := range entries {
		entries[i].Seqnum = uint64(i + 1)
	}
	o := Options{SeqnumID: seqnumID(10), State: journalfile.StateOnline}
	name := filepath.Join(dir, "system@0005f1a2b3c4d5e6-0123456789abcdef.journal~")
	// systemd-journal-remote insists on the suffix.
	written := filepath.Join(dir, "written.journal")
	if err := write(written, o, entries[:120]); err != nil {
		return err
	}
	if err := os.Rename(written, name); err != nil {
		return err
	}
	o.State = journalfile.StateOffline
	return write(filepath.Join(dir, "system.journal"), o, entries[120:])
}
