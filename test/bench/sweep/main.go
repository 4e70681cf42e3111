// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Sweep looks at cgroups again and again, as noded or as cAdvisor does, so that their cost can be compared as that of a process.
//
//	sweep cadvisor|noded PREFIX INTERVAL SPAN
//
// It looks at the cgroups below PREFIX, and prints what it cost in CPU time, in nanoseconds, and how often one of them was looked at during
// SPAN, after it has looked at all of them twice.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/google/cadvisor/lib/cache/memory"
	"github.com/google/cadvisor/lib/container"
	"github.com/google/cadvisor/lib/manager"
	info "github.com/google/cadvisor/lib/model"
	"github.com/google/cadvisor/lib/utils/sysfs"

	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/cgroup"
	"github.com/noded/noded/runtime/stats/host"
	"github.com/noded/noded/runtime/stats/sources"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sweep:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 4 {
		return errors.New("usage: sweep cadvisor|noded PREFIX INTERVAL SPAN")
	}
	interval, err := time.ParseDuration(args[2])
	if err != nil {
		return err
	}
	span, err := time.ParseDuration(args[3])
	if err != nil {
		return err
	}
	measure := asNoded
	if args[0] == "cadvisor" {
		measure = asCAdvisor
	}
	cost, looks, err := measure(args[1], interval, span)
	if err == nil {
		fmt.Println(cost.Nanoseconds(), looks)
	}
	return err
}

// used is the CPU time of this process.
func used() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r) // it cannot fail
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// asCAdvisor looks as the kubelet lets cAdvisor look at containers of containerd.
func asCAdvisor(prefix string, interval, span time.Duration) (time.Duration, int, error) {
	dynamic := false
	metrics := container.MetricSet{
		container.CpuUsageMetrics: {}, container.MemoryUsageMetrics: {}, container.DiskIOMetrics: {}, container.ProcessMetrics: {},
		container.NetworkUsageMetrics: {}, container.PressureMetrics: {}, container.OOMMetrics: {},
	}
	m, err := manager.New(memory.New(2*time.Minute, nil), sysfs.NewRealSysFs(),
		manager.HousekeepingConfig{Interval: &interval, AllowDynamic: &dynamic}, metrics, []string{prefix}, nil, "", 0)
	if err != nil {
		return 0, 0, err
	}
	if err := m.Start(); err != nil {
		return 0, 0, err
	}
	time.Sleep(2*interval + time.Second)
	before, began := used(), time.Now()
	time.Sleep(span)
	cost := used() - before
	all, err := m.SubcontainersInfo(prefix, &info.ContainerInfoRequest{NumStats: -1, Start: began, End: began.Add(span)})
	if err != nil {
		return 0, 0, err
	}
	looks := 0
	for _, c := range all {
		looks += len(c.Stats)
	}
	return cost, looks, m.Stop()
}

// asNoded looks as noded does.
func asNoded(prefix string, interval, span time.Duration) (time.Duration, int, error) {
	tree, err := cgroup.Open(cgroup.Config{})
	if err != nil {
		return 0, 0, err
	}
	s := stats.New(stats.Config{
		Node: "node", Interval: interval, Tree: sources.Tree(tree),
		Host: sources.Host(host.New(host.Config{Logger: slog.New(slog.DiscardHandler)}), ""),
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Run(ctx) // it ends with ctx
	}()
	if _, err := s.Rated(ctx); err != nil {
		return 0, 0, err
	}
	time.Sleep(2*interval + time.Second)
	first, err := s.Snapshot(ctx)
	if err != nil {
		return 0, 0, err
	}
	before := used()
	time.Sleep(span)
	cost := used() - before
	last, err := s.Snapshot(ctx)
	if err != nil {
		return 0, 0, err
	}
	below := 0
	for i := range last.Usages {
		if strings.HasPrefix(last.Usages[i].Entity.Cgroup, prefix) {
			below++
		}
	}
	cancel()
	<-ended
	return cost, below * int(last.Sequence-first.Sequence), nil
}
