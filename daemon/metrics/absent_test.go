// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	cadvisor "github.com/google/cadvisor/lib/container"
	cadvisormetrics "github.com/google/cadvisor/lib/metrics"
	info "github.com/google/cadvisor/lib/model"
	"github.com/prometheus/client_golang/prometheus"
)

// kubeletFamilies are the families that cAdvisor's library has for the metrics that the kubelet asks it for.
func kubeletFamilies() (names []string) {
	included := cadvisor.MetricSet{
		cadvisor.CpuUsageMetrics: {}, cadvisor.MemoryUsageMetrics: {}, cadvisor.CpuLoadMetrics: {}, cadvisor.DiskIOMetrics: {}, cadvisor.DiskUsageMetrics: {},
		cadvisor.NetworkUsageMetrics: {}, cadvisor.AppMetrics: {}, cadvisor.ProcessMetrics: {}, cadvisor.OOMMetrics: {}, cadvisor.PressureMetrics: {},
	}
	descriptions := make(chan *prometheus.Desc)
	go func() {
		defer close(descriptions)
		cadvisormetrics.NewPrometheusCollector(nil, nil, included, nil, info.RequestOptions{}).Describe(descriptions)
		cadvisormetrics.NewPrometheusMachineCollector(nil, included).Describe(descriptions)
	}()
	name := regexp.MustCompile(`fqName: "([^"]*)"`)
	for d := range descriptions {
		names = append(names, name.FindStringSubmatch(d.String())[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// TestAbsent: docs/metrics.md lists the families of cAdvisor that are not served, and no others.
func TestAbsent(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, ok := strings.Cut(string(text), "\n- Absent are")
	if !ok {
		t.Fatal("docs/metrics.md has no list of what is absent")
	}
	list, _, _ = strings.Cut(list, "\n- ")
	patterns := map[string]bool{}
	// What is in brackets is there instead.
	list = regexp.MustCompile(`\([^)]*\)`).ReplaceAllString(list, "")
	for _, m := range regexp.MustCompile("`((?:container|machine|cadvisor)_[a-z0-9_*]+)`").FindAllStringSubmatch(list, -1) {
		patterns[m[1]] = false
	}
	body, _ := get(t, newServer(t, nil), PathCadvisor, "")
	served := parse(t, body)
	for _, name := range kubeletFamilies() {
		listed := false
		for pattern := range patterns {
			if ok, err := path.Match(pattern, name); err != nil {
				t.Fatal(err)
			} else if ok {
				listed, patterns[pattern] = true, true
			}
		}
		if there := served[name] != nil; there == listed {
			t.Errorf("%s is served: %v, and said to be absent: %v", name, there, listed)
		}
	}
	for pattern, used := range patterns {
		if !used {
			t.Errorf("%s is nothing of cAdvisor's", pattern)
		}
	}
}
