// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubectl/pkg/metricsutil"
	metricsapi "k8s.io/metrics/pkg/apis/metrics"

	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// printed is what an option set prints of a look.
func printed(t *testing.T, f *topFlags, look *topLook) string {
	t.Helper()
	var out bytes.Buffer
	g := newGlobals(Streams{Out: &out, Err: &out, Getenv: func(string) string { return "" }})
	f.sort(look.rows)
	if err := f.print(g, look); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// resourcesOf are what kubectl is told of the same figures.
func resourcesOf(nanocores, memory, swap uint64) corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU:       *resource.NewScaledQuantity(int64(nanocores), resource.Nano),
		corev1.ResourceMemory:    *resource.NewQuantity(int64(memory), resource.BinarySI),
		metricsutil.ResourceSwap: *resource.NewQuantity(int64(swap), resource.BinarySI),
	}
}

// randomFigure is often at an edge of the rounding, and often equal to another one.
func randomFigure(r *rand.Rand, unit uint64) uint64 {
	switch n := r.Uint64N(5); n {
	case 0:
		return r.Uint64N(3) * unit
	case 1:
		return r.Uint64N(300)*unit + 1
	case 2:
		return (r.Uint64N(300)+1)*unit - 1
	default:
		return r.Uint64N(40_000 * unit)
	}
}

func usageOf(e stats.Entity, nanocores, memory, swap uint64) stats.Usage {
	u := stats.Usage{Entity: &e}
	u.Numbers.Put(metric.CPUUsage, 1)
	u.Numbers.Put(metric.MemoryWorkingSet, memory)
	u.Numbers.Put(metric.MemorySwap, swap)
	u.Rates.Put(metric.CPUUsage, float64(nanocores)/1e9)
	return u
}

// TestTopNodeAgainstKubectl: the same bytes as kubectl's own printer.
func TestTopNodeAgainstKubectl(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		name := strings.Repeat("node-1.example", 1+r.IntN(3))
		cpu, memory, swap := randomFigure(r, 1_000_000), randomFigure(r, 1<<20), randomFigure(r, 1<<20)
		machine := stats.Machine{CPUs: 1 + r.IntN(128), MemoryBytes: 1 + randomFigure(r, 1<<20), SwapBytes: randomFigure(r, 1<<20)}
		f := &topFlags{kind: stats.KindNode, showSwap: r.IntN(2) == 0, noHeaders: r.IntN(2) == 0, showCapacity: r.IntN(2) == 0}

		var want bytes.Buffer
		capacity := resourcesOf(uint64(machine.CPUs)*1_000_000_000, machine.MemoryBytes, machine.SwapBytes)
		err := metricsutil.NewTopCmdPrinter(&want, f.showSwap).PrintNodeMetrics(
			[]metricsapi.NodeMetrics{{ObjectMeta: metav1.ObjectMeta{Name: name}, Usage: resourcesOf(cpu, memory, swap)}},
			map[string]corev1.ResourceList{name: capacity}, f.noHeaders, f.sortBy)
		if err != nil {
			t.Fatal(err)
		}
		u := usageOf(stats.Entity{Key: stats.Key{Kind: stats.KindNode}, Name: name}, cpu, memory, swap)
		got := printed(t, f, &topLook{machine: machine, rows: []topRow{rowOf(&u)}})
		if diff := gocmp.Diff(want.String(), got); diff != "" {
			t.Fatalf("%+v of %+v: -kubectl +nodectl\n%s", u, machine, diff)
		}
	}
}

// TestTopPodAgainstKubectl: the same bytes as kubectl's own printer, of pods and containers, sorted and summed.
func TestTopPodAgainstKubectl(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		f := &topFlags{
			kind: stats.KindPod, containers: r.IntN(2) == 0, sum: r.IntN(2) == 0, noHeaders: r.IntN(2) == 0, showSwap: r.IntN(2) == 0,
			sortBy: []string{"", sortByCPU, sortByMemory}[r.IntN(3)],
		}
		if r.IntN(2) == 0 {
			f.namespace = "default"
		}
		pods, containers, theirs := randomPods(r, f)
		var want bytes.Buffer
		err := metricsutil.NewTopCmdPrinter(&want, f.showSwap).PrintPodMetrics(theirs, f.containers, f.withNamespace(), f.noHeaders, f.sortBy, f.sum)
		if err != nil {
			t.Fatal(err)
		}
		usages := pods
		if f.containers {
			usages = containers
		}
		look := &topLook{}
		for i := range usages {
			look.rows = append(look.rows, rowOf(&usages[i]))
		}
		comparePods(t, f, want.String(), printed(t, f, look))
	}
}

// randomPods are pods with their containers for noded, in the order of the API, and for kubectl. kubectl's sorting is stable up to 12 items.
func randomPods(r *rand.Rand, f *topFlags) (pods, containers []stats.Usage, theirs []metricsapi.PodMetrics) {
	names := map[string]bool{}
	for range 1 + r.IntN(12) {
		namespace, name := "default", fmt.Sprintf("pod-%d", r.IntN(1000))
		if f.withNamespace() {
			namespace = []string{"kube-system", "default", "a"}[r.IntN(3)]
		}
		if names[namespace+"/"+name] {
			continue
		}
		names[namespace+"/"+name] = true
		p := metricsapi.PodMetrics{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		pod := stats.Usage{Entity: &stats.Entity{Key: stats.Key{Kind: stats.KindPod, ID: name}, Namespace: namespace, Name: name, Pod: name, UID: "uid-" + name}}
		for i := range 1 + r.IntN(4) {
			cpu, memory, swap := randomFigure(r, 1_000_000), randomFigure(r, 1<<20), randomFigure(r, 1<<20)
			c := stats.Entity{Key: stats.Key{Kind: stats.KindContainer}, Namespace: namespace, Pod: name, UID: "uid-" + name, Name: fmt.Sprintf("c%d", i)}
			containers = append(containers, usageOf(c, cpu, memory, swap))
			p.Containers = append(p.Containers, metricsapi.ContainerMetrics{Name: c.Name, Usage: resourcesOf(cpu, memory, swap)})
			pod.Sum.Containers++
			pod.Sum.CPU, pod.Sum.Rated = pod.Sum.CPU+float64(cpu)/1e9, true
			pod.Sum.WorkingSet, pod.Sum.HasWorkingSet = pod.Sum.WorkingSet+memory, true
			pod.Sum.Swap, pod.Sum.HasSwap = pod.Sum.Swap+swap, true
		}
		pods, theirs = append(pods, pod), append(theirs, p)
	}
	byName := func(a, b stats.Usage) int {
		return cmp.Or(strings.Compare(a.Entity.Namespace, b.Entity.Namespace), strings.Compare(a.Entity.Pod, b.Entity.Pod))
	}
	slices.SortStableFunc(pods, byName)
	slices.SortStableFunc(containers, byName)
	slices.SortFunc(theirs, func(a, b metricsapi.PodMetrics) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	return pods, containers, theirs
}

// comparePods wants the same bytes. kubectl puts the sums beneath the wrong columns with --show-swap, and with --no-headers where there is more
// than a name: there the figures are compared.
func comparePods(t *testing.T, f *topFlags, want, got string) {
	t.Helper()
	if f.sum && (f.showSwap || f.noHeaders && (f.containers || f.withNamespace())) {
		want, got = wordsOf(want), wordsOf(got)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Fatalf("%+v: -kubectl +nodectl\n%s", f, diff)
	}
}

// wordsOf are the words of each line, without the rule above the sums.
func wordsOf(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "________") {
			fmt.Fprintln(&b, strings.Fields(line))
		}
	}
	return b.String()
}
