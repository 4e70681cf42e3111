// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"time"
)

// DefaultCgroupRoot is where a machine has its cgroups.
const DefaultCgroupRoot = "/sys/fs/cgroup"

// The bounds of stats.interval and stats.history.
const (
	minStatsInterval = time.Second
	maxStatsInterval = 5 * time.Minute
	minStatsHistory  = time.Minute
	maxStatsHistory  = 24 * time.Hour
)

// Stats is about what the node, its pods, containers and units use.
type Stats struct {
	// Interval is how often the node is looked at.
	Interval time.Duration
	// History is how long figures are kept; 0: they are not. HistoryBytes bounds the memory for them.
	History      time.Duration
	HistoryBytes int
	// CgroupRoot is where the cgroups are mounted.
	CgroupRoot string
}

func statsKeys() []Key {
	return []Key{{
		Name: "stats.interval", Default: "10s",
		Doc:   "How often noded looks at what the node, its pods, containers and units use: 1s to 5m. It looks more often while somebody asks for that.",
		value: func(c *Config) value { return spanValue{&c.Stats.Interval, minStatsInterval, maxStatsInterval, false} },
	}, {
		Name: "stats.history", Default: "15m",
		Doc:   "How long what was used is kept: 1m to 24h. 0: it is not. It is kept in memory, and over an orderly restart in state.directory.",
		value: func(c *Config) value { return spanValue{&c.Stats.History, minStatsHistory, maxStatsHistory, true} },
	}, {
		Name: "stats.history_bytes", Default: "16MiB",
		Doc:   "Memory for what was used, at most. The oldest is dropped when there is no more room.",
		value: func(c *Config) value { return sizeValue{&c.Stats.HistoryBytes} },
	}, {
		Name: "stats.cgroup_root", Default: DefaultCgroupRoot,
		Doc:   "Directory in which the cgroups of the node are mounted.",
		value: func(c *Config) value { return directoryValue{&c.Stats.CgroupRoot} },
	}}
}

// spanValue is a duration within bounds, or if zero is set 0.
type spanValue struct {
	p           *time.Duration
	least, most time.Duration
	zero        bool
}

func (v spanValue) String() string {
	if *v.p == 0 {
		return "0"
	}
	return durationValue{v.p}.String()
}

func (v spanValue) Set(s string) error {
	d, err := time.ParseDuration(s)
	if err == nil && (d == 0 && v.zero || v.least <= d && d <= v.most) {
		*v.p = d
		return nil
	}
	or := ""
	if v.zero {
		or = ", or 0"
	}
	return fmt.Errorf("%q: want a duration from %s to %s%s", s, durationValue{&v.least}, durationValue{&v.most}, or)
}

// directoryValue is an absolute path.
type directoryValue struct{ p *string }

func (v directoryValue) String() string { return *v.p }
func (v directoryValue) Set(s string) error {
	if err := checkPath(s); err != nil {
		return err
	}
	*v.p = s
	return nil
}
