// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/output"
)

// stampFormat is how systemd writes a time.
const stampFormat = "Mon 2006-01-02 15:04:05 MST"

func (c *journalCommand) stamp(u journal.Usec) string { return stamp(u, c.utc) }

func stamp(u journal.Usec, utc bool) string {
	t := u.Time()
	if utc {
		t = t.UTC()
	}
	return t.Format(stampFormat)
}

// errEnough ends a listing that has as many items as were asked for.
var errEnough = errors.New("enough")

func (c *journalCommand) listFieldNames(ctx context.Context) error {
	names, err := c.backend.FieldNames(ctx)
	if err != nil || len(names) == 0 {
		return err
	}
	return printLines(c.out, names)
}

func (c *journalCommand) listFieldValues(ctx context.Context) error {
	if !journal.ValidFieldName(c.field) {
		return &journal.QueryError{Field: "field", Value: c.field, Reason: "field names are upper-case letters, digits and underscores; see --fields"}
	}
	w := bufio.NewWriterSize(c.out, outputBufferBytes)
	var shown int64
	terminal := isTerminal(c.Out) && !c.raw
	err := c.backend.FieldValues(ctx, c.field, func(value []byte) error {
		if c.query.Lines >= 0 && shown >= c.query.Lines {
			return errEnough
		}
		shown++
		if terminal {
			value = []byte(visible(string(value)))
		}
		w.Write(value)
		return w.WriteByte('\n')
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return errors.Join(err, w.Flush())
}

// period is a boot or an invocation in a list.
type period struct {
	index       int
	id          journal.ID128
	first, last journal.Usec
}

func (c *journalCommand) listBoots(ctx context.Context) error {
	boots, err := c.backend.Boots(ctx)
	if err != nil {
		return err
	}
	periods := make([]period, len(boots))
	for i, b := range boots {
		periods[i] = period{index: i - len(boots) + 1, id: b.ID, first: b.First, last: b.Last}
	}
	return c.printPeriods("boot", periods)
}

func (c *journalCommand) listInvocations(ctx context.Context) error {
	unit, user, err := theUnit(&c.query.Filter, "--list-invocations")
	if err != nil {
		return err
	}
	runs, err := c.backend.Invocations(ctx, unit, user)
	if err != nil {
		return err
	}
	periods := make([]period, len(runs))
	for i, r := range runs {
		periods[i] = period{index: i - len(runs) + 1, id: r.ID, first: r.First, last: r.Last}
	}
	return c.printPeriods("invocation", periods)
}

// printPeriods prints boots or invocations as journalctl lists boots: a table, or JSON.
func (c *journalCommand) printPeriods(kind string, periods []period) error {
	if len(periods) == 0 {
		return nil
	}
	if c.reverse {
		slices.Reverse(periods)
	}
	if c.mode == output.JSON || c.mode == output.JSONPretty || c.mode == output.JSONSSE || c.mode == output.JSONSeq {
		return c.printPeriodsJSON(kind, periods)
	}
	rows := make([][]string, len(periods))
	for i, p := range periods {
		rows[i] = []string{strconv.Itoa(p.index), p.id.String(), c.stamp(p.first), c.stamp(p.last)}
	}
	header := []string{"IDX", "BOOT ID", "FIRST ENTRY", "LAST ENTRY"}
	if kind == "invocation" {
		header[1] = "INVOCATION ID"
	}
	if c.quiet || c.mode.Machine() {
		header = nil
	}
	return writeTable(c.out, tableStyle{rightFirst: true, separator: " "}, header, rows)
}

func (c *journalCommand) printPeriodsJSON(kind string, periods []period) error {
	var b bytes.Buffer
	b.WriteByte('[')
	for i, p := range periods {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "{\"index\":%d,\"%s_id\":\"%s\",\"first_entry\":%d,\"last_entry\":%d}", p.index, kind, p.id, p.first, p.last)
	}
	b.WriteByte(']')
	text := b.Bytes()
	before, after := "", "\n"
	switch c.mode {
	case output.JSONPretty:
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, text, "", "\t"); err != nil {
			return err
		}
		text = bytes.ReplaceAll(pretty.Bytes(), []byte("\": "), []byte("\" : "))
	case output.JSONSSE:
		before, after = "data: ", "\n\n"
	case output.JSONSeq:
		before = "\x1e"
	}
	_, err := fmt.Fprintf(c.out, "%s%s%s", before, text, after)
	return err
}

func (c *journalCommand) printDiskUsage(ctx context.Context) error {
	usage, err := c.backend.Usage(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "Archived and active journals take up %s in the file system.\n", formatBytes(usage.SizeBytes))
	return err
}

// formatBytes writes a size as systemd does: by 1024, with one decimal that is cut, not rounded.
func formatBytes(n uint64) string {
	if n < 1024 {
		return strconv.FormatUint(n, 10) + "B"
	}
	shift, suffix := 10, 0
	for n>>(shift+10) > 0 && shift < 60 {
		shift += 10
		suffix++
	}
	whole := n >> shift
	tenth := (n & (1<<shift - 1)) >> (shift - 10) * 10 / 1024
	return fmt.Sprintf("%d.%d%c", whole, tenth, "KMGTPE"[suffix])
}

// ago writes a span roughly, for people: 5s, 3m, 2h, 4d.
func ago(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}
