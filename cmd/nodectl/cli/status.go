// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
)

// nodeStatus is what nodectl status tells, in JSON and YAML.
type nodeStatus struct {
	Name            string         `json:"name"`
	MachineID       string         `json:"machine_id"`
	BootID          string         `json:"boot_id"`
	KernelRelease   string         `json:"kernel_release"`
	Architecture    string         `json:"architecture"`
	OperatingSystem string         `json:"operating_system"`
	Version         string         `json:"version"`
	StartTime       time.Time      `json:"start_time"`
	CurrentTime     time.Time      `json:"current_time"`
	OpenStreams     uint32         `json:"open_streams"`
	Sources         []sourceStatus `json:"sources"`
}

// sourceStatus is one source in it.
type sourceStatus struct {
	Name             string     `json:"name"`
	State            string     `json:"state"`
	Message          string     `json:"message,omitempty"`
	Location         string     `json:"location"`
	Engine           string     `json:"engine"`
	Files            uint32     `json:"files"`
	UnreadableFiles  []string   `json:"unreadable_files,omitempty"`
	OldestRecordTime *time.Time `json:"oldest_record_time,omitempty"`
	NewestRecordTime *time.Time `json:"newest_record_time,omitempty"`
	LagSeconds       float64    `json:"lag_seconds"`
}

func newStatusCommand(g *globals) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the node and the health of what noded reads",
		Long: `Show who the node is, which noded serves it, and the state and lag of every source that it reads. The exit
code is 3 when a source cannot be read, or only in part.`,
		Args: requireNoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(format, listFormats()); err != nil {
				return err
			}
			return runStatus(cmd.Context(), g, format)
		},
	}
	listFlag(cmd, &format, listFormats())
	return cmd
}

func runStatus(ctx context.Context, g *globals, format string) error {
	c, err := g.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	node, err := c.Node(ctx)
	if err != nil {
		return err
	}
	health, err := c.Health(ctx)
	if err != nil {
		return err
	}
	s := statusOf(node, health)
	switch format {
	case "json", "yaml":
		err = printValue(g.Out, format, s)
	case "name":
		err = printLines(g.Out, []string{visible(s.Name)})
	default:
		err = s.print(g, format == "wide")
	}
	if err != nil {
		return err
	}
	for _, source := range s.Sources {
		if source.State != "ok" {
			return &silentError{code: ExitPartial}
		}
	}
	return nil
}

func statusOf(node *nodedv1.Node, health *nodedv1.GetHealthResponse) nodeStatus {
	s := nodeStatus{
		Name:            node.GetName(),
		MachineID:       idText(node.GetMachineId()),
		BootID:          idText(node.GetBootId()),
		KernelRelease:   node.GetKernelRelease(),
		Architecture:    node.GetArchitecture(),
		OperatingSystem: node.GetOperatingSystem(),
		Version:         node.GetVersion(),
		StartTime:       node.GetStartTime().AsTime(),
		CurrentTime:     node.GetCurrentTime().AsTime(),
		OpenStreams:     health.GetOpenStreams(),
		Sources:         []sourceStatus{},
	}
	for _, h := range health.GetSources() {
		source := sourceStatus{
			Name:            h.GetName(),
			State:           strings.ToLower(strings.TrimPrefix(h.GetState().String(), "SOURCE_STATE_")),
			Message:         h.GetMessage(),
			Location:        h.GetLocation(),
			Engine:          h.GetEngine(),
			Files:           h.GetFiles(),
			UnreadableFiles: h.GetUnreadableFiles(),
			LagSeconds:      h.GetLag().AsDuration().Seconds(),
		}
		if t := h.GetOldestRecordTime(); t != nil {
			oldest := t.AsTime()
			source.OldestRecordTime = &oldest
		}
		if t := h.GetNewestRecordTime(); t != nil {
			newest := t.AsTime()
			source.NewestRecordTime = &newest
		}
		s.Sources = append(s.Sources, source)
	}
	return s
}

func openStreams(n uint32) string {
	if n == 1 {
		return "1 open stream"
	}
	return fmt.Sprintf("%d open streams", n)
}

// idText writes an identifier of 16 bytes; empty for others.
func idText(b []byte) string {
	if len(b) != 16 {
		return ""
	}
	return journal.ID128(b).String()
}

func (s *nodeStatus) print(g *globals, wide bool) error {
	rows := [][]string{
		{"Node:", visible(s.Name)},
		{"System:", visible(fmt.Sprintf("%s, Linux %s, %s", firstNonEmpty(s.OperatingSystem, "unknown"), s.KernelRelease, s.Architecture))},
		{"Noded:", visible(fmt.Sprintf("%s, up %s, %s", s.Version, ago(s.CurrentTime.Sub(s.StartTime)), openStreams(s.OpenStreams)))},
	}
	if wide {
		rows = append(rows, []string{"Machine ID:", s.MachineID}, []string{"Boot ID:", s.BootID})
	}
	if err := writeTable(g.Out, tableStyle{separator: " "}, nil, rows); err != nil {
		return err
	}
	header := []string{"SOURCE", "STATE", "LAG", "FILES", "ENGINE", "MESSAGE"}
	if wide {
		header = []string{"SOURCE", "STATE", "LAG", "FILES", "ENGINE", "LOCATION", "MESSAGE"}
	}
	table := [][]string{}
	for _, source := range s.Sources {
		lag := "-"
		if source.NewestRecordTime != nil {
			lag = ago(time.Duration(source.LagSeconds * float64(time.Second)))
		}
		row := []string{source.Name, source.State, lag, fmt.Sprint(source.Files), visible(firstNonEmpty(source.Engine, "-"))}
		if wide {
			row = append(row, visible(source.Location))
		}
		table = append(table, append(row, visible(firstNonEmpty(source.Message, "-"))))
	}
	if err := printLines(g.Out, []string{""}); err != nil {
		return err
	}
	if err := writeTable(g.Out, tableStyle{separator: "   "}, header, table); err != nil {
		return err
	}
	for _, source := range s.Sources {
		for _, file := range source.UnreadableFiles {
			if err := printLines(g.Out, []string{"  cannot read " + visible(file)}); err != nil {
				return err
			}
		}
	}
	return nil
}
