// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package stats_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
	"github.com/noded/noded/test/containerd"
)

// within reports whether a value is within a share of what is wanted.
func within(got, least, most, share float64) bool {
	return got >= least*(1-share) && got <= most*(1+share)
}

// TestUsage: the CPU time and the memory of containers are what they say that they use, and the pod's figures are those of all of it.
func TestUsage(t *testing.T) {
	t.Parallel()
	eachRelease(t, func(w *world) {
		pod := w.RunPod(containerd.Pod{Namespace: "shop", Name: "web-0", Labels: map[string]string{"app": "web"}})
		burner := w.Start(pod, containerd.Container{Name: "burner", Args: []string{"burn:300"}, CPULimit: 1500, MemoryLimit: 64 << 20})
		holder := w.Start(pod, containerd.Container{Name: "holder", Args: []string{"alloc:200", "out:held", "pause"}})
		idle := w.Start(pod, containerd.Container{Name: "idle", Args: []string{"out:idle", "pause"}})
		settled := max(w.told(holder, "held"), w.told(idle, "idle"))

		later := checkBurner(w, burner)
		if limit := later.Numbers.Value(metric.CPULimit); limit != 1500 {
			w.T.Errorf("its limit is %d millicores, want 1500", limit)
		}
		if limit := later.Numbers.Value(metric.MemoryLimit); limit != 64<<20 {
			w.T.Errorf("its limit is %d bytes, want 64 MiB", limit)
		}
		checkName(w, later, "burner", burner.ID)

		var held, nothing *stats.Usage
		snapshot := w.each("the holder holds its memory", func(s *stats.Snapshot) bool {
			held, nothing = find(s, stats.KindContainer, holder.ID), find(s, stats.KindContainer, idle.ID)
			return held != nil && nothing != nil && held.Boot > settled && nothing.Boot > settled && held.Numbers.Value(metric.MemoryWorkingSet) > 190<<20
		})
		// What the program itself needs is what the idle one has.
		for _, id := range []metric.ID{metric.MemoryWorkingSet, metric.MemoryRSS} {
			more := float64(held.Numbers.Value(id)) - float64(nothing.Numbers.Value(id))
			if !within(more, 200<<20, 200<<20, 0.01) {
				w.T.Errorf("%v of the holder is %.2f MiB more than that of the idle one, want 200", id, more/(1<<20))
			}
		}
		if nothing.Numbers.Has(metric.MemoryLimit) || nothing.Numbers.Has(metric.CPULimit) {
			w.T.Errorf("the idle one has limits: %d millicores, %d bytes", nothing.Numbers.Value(metric.CPULimit), nothing.Numbers.Value(metric.MemoryLimit))
		}
		checkPod(w, snapshot, pod, held, nothing)
	})
}

// checkBurner compares what a burner used with what it says, also where the machine does not let it have its share, and returns the last reading.
func checkBurner(w *world, burner *containerd.RunningContainer) *stats.Usage {
	w.T.Helper()
	first := w.until("the burner has rates", stats.KindContainer, burner.ID, rated)
	for tries := 1; ; tries++ {
		later := w.until("seconds later", stats.KindContainer, burner.ID, func(u *stats.Usage) bool { return u.Boot >= first.Boot+6*time.Second })
		w.each("the burner has told more", func(*stats.Snapshot) bool { return len(burned(w, burner, later.Boot)) > 0 })
		spent := float64(later.Numbers.Value(metric.CPUUsage) - first.Numbers.Value(metric.CPUUsage))
		cores, _ := later.Rates.Get(metric.CPUUsage)
		least, most := burnedBetween(w, burner, first.Boot, later.Boot)
		window := float64(later.Window)
		leastLast, mostLast := burnedBetween(w, burner, later.Boot-later.Window, later.Boot)
		w.T.Logf("in %v the burner used %.1f ms, and says %.1f to %.1f; in the last %v %.4f cores, and says %.4f to %.4f",
			later.Boot-first.Boot, spent/1e6, least/1e6, most/1e6, later.Window, cores, leastLast/window, mostLast/window)
		if within(spent, least, most, 0.03) && within(cores, leastLast/window, mostLast/window, 0.2) {
			return later
		}
		// A reading in which noded had to wait for a processor is of a time that is not known exactly.
		if tries == 10 {
			w.T.Error("the burner never used what it says")
			return later
		}
		first = later
	}
}

// told is what a burner had used at a time since the boot, in nanoseconds.
type told struct{ cpu, boot float64 }

// burned returns what a burner told at a time since the boot or later.
func burned(w *world, c *containerd.RunningContainer, since time.Duration) []told {
	w.T.Helper()
	var all []told
	for line := range strings.Lines(logOf(w.T, c)) {
		var at told
		if _, text, ok := strings.Cut(line, " burned "); ok {
			if _, err := fmt.Sscan(text, &at.cpu, &at.boot); err == nil && at.boot >= float64(since) {
				all = append(all, at)
			}
		}
	}
	return all
}

// burnedBetween returns the least and the most that a burner used from one time to another, by what it told just before and just after each.
func burnedBetween(w *world, c *containerd.RunningContainer, from, to time.Duration) (least, most float64) {
	w.T.Helper()
	all := burned(w, c, 0)
	at := func(t time.Duration) (before, after float64) {
		for i, b := range all {
			if b.boot >= float64(t) {
				if i > 0 {
					before = all[i-1].cpu
				}
				return before, b.cpu
			}
		}
		w.T.Fatalf("the burner tells nothing of %v", t)
		return 0, 0
	}
	beforeFrom, afterFrom := at(from)
	beforeTo, afterTo := at(to)
	return beforeTo - afterFrom, afterTo - beforeFrom
}

// checkName looks whether a container is called by its names.
func checkName(w *world, u *stats.Usage, name, id string) {
	w.T.Helper()
	e := u.Entity
	if e.Namespace != "shop" || e.Pod != "web-0" || e.Name != name || e.ContainerID != id || e.Labels["app"] != "web" || e.Runtime != "containerd" {
		w.T.Errorf("it is called %+v", *e)
	}
}

// checkPod looks whether the figures of the pod include those of its containers, and whether its sandbox is no container.
func checkPod(w *world, s *stats.Snapshot, pod *containerd.RunningPod, containers ...*stats.Usage) {
	w.T.Helper()
	u := find(s, stats.KindPod, pod.UID)
	if u == nil {
		w.T.Fatalf("there is no pod:\n%s", describe(s))
	}
	if u.Sum.Containers != 3 || find(s, stats.KindContainer, pod.SandboxID) != nil {
		w.T.Errorf("it has %d containers, want 3 without the sandbox", u.Sum.Containers)
	}
	var workingSet uint64
	for _, c := range containers {
		workingSet += c.Numbers.Value(metric.MemoryWorkingSet)
	}
	if all := u.Numbers.Value(metric.MemoryWorkingSet); all < workingSet || u.Sum.WorkingSet < workingSet {
		w.T.Errorf("its working set is %d, that of its containers %d, want at least %d", all, u.Sum.WorkingSet, workingSet)
	}
}

// TestOutOfMemory: processes that are killed for want of memory are counted.
func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	eachRelease(t, func(w *world) {
		pod := w.RunPod(containerd.Pod{Name: "greedy", HostNetwork: true})
		c := w.Start(pod, containerd.Container{Name: "app", MemoryLimit: 64 << 20, Args: []string{"child:alloc:256", "child:alloc:256", "pause"}})
		u := w.until("both kills are counted", stats.KindContainer, c.ID, func(u *stats.Usage) bool {
			return u.Numbers.Value(metric.OOMKills) >= 2
		})
		if kills := u.Numbers.Value(metric.OOMKills); kills != 2 {
			w.T.Errorf("%d were killed, want 2", kills)
		}
	})
}

// TestNetwork: what the network of a pod counts is what its own kernel interface has. A pod in the network of the node has no figures.
func TestNetwork(t *testing.T) {
	t.Parallel()
	eachRelease(t, func(w *world) {
		const sent = 32 << 20
		to := w.RunPod(containerd.Pod{Name: "receiver"})
		from := w.RunPod(containerd.Pod{Name: "sender"})
		node := w.RunPod(containerd.Pod{Name: "on-node", HostNetwork: true})
		w.Start(to, containerd.Container{Name: "app", Args: []string{"receive:7000"}})
		w.Start(node, containerd.Container{Name: "app", Args: []string{"pause"}})
		address := addressOf(w, to)
		sender := w.Start(from, containerd.Container{Name: "app", Args: []string{fmt.Sprintf("send:%d@%s:7000", sent, address), "sleep:1s", "net", "pause"}})

		var receivedBytes, receivedPackets, sentBytes, sentPackets uint64
		w.each("the sender has counted", func(*stats.Snapshot) bool {
			_, counts, ok := strings.Cut(logOf(w.T, sender), " net ")
			if !ok {
				return false
			}
			_, err := fmt.Sscan(counts, &receivedBytes, &receivedPackets, &sentBytes, &sentPackets)
			return err == nil
		})
		if sentBytes < sent {
			w.T.Fatalf("the sender counts %d bytes, want at least %d", sentBytes, sent)
		}
		// What comes after the count is a packet of the neighbour discovery now and then.
		const slack = 4 << 10
		w.until("the sender's count", stats.KindPod, from.UID, func(u *stats.Usage) bool {
			n := u.Numbers.Value(metric.NetworkTransmitBytes)
			return n >= sentBytes && n <= sentBytes+slack
		})
		w.until("the receiver's count", stats.KindPod, to.UID, func(u *stats.Usage) bool {
			n := u.Numbers.Value(metric.NetworkReceiveBytes)
			return n >= sentBytes-slack && n <= sentBytes+slack && u.Numbers.Value(metric.NetworkReceivePackets) >= sentPackets-64
		})
		onNode := w.until("the pod in the network of the node", stats.KindPod, node.UID, rated)
		if onNode.Numbers.Has(metric.NetworkReceiveBytes) || !onNode.Entity.HostNetwork {
			w.T.Errorf("it has figures of a network: %d bytes; host network %v", onNode.Numbers.Value(metric.NetworkReceiveBytes), onNode.Entity.HostNetwork)
		}
	})
}

// addressOf waits for the address of a pod.
func addressOf(w *world, pod *containerd.RunningPod) string {
	w.T.Helper()
	var address string
	w.each("the receiver has an address", func(*stats.Snapshot) bool {
		s, err := w.Inventory.Snapshot(w.Ctx)
		if err != nil {
			w.T.Fatal(err)
		}
		for i := range s.Pods {
			if p := &s.Pods[i]; p.UID == pod.UID && len(p.Addresses) > 0 {
				address = p.Addresses[0]
			}
		}
		return address != ""
	})
	return address
}

// TestRestarts: a container that is restarted under load never has a rate that no container can have.
func TestRestarts(t *testing.T) {
	t.Parallel()
	eachRelease(t, func(w *world) {
		pod := w.RunPod(containerd.Pod{Name: "restless", HostNetwork: true})
		c := w.Start(pod, containerd.Container{Name: "app", Args: []string{"burn:900"}, CPULimit: 1000})
		const restarts = 4
		seen := map[string]bool{}
		for n := range restarts + 1 {
			w.each("the run is seen with rates", func(s *stats.Snapshot) bool {
				checkRates(w, s)
				u := find(s, stats.KindContainer, c.ID)
				if u == nil || !rated(u) {
					return false
				}
				if u.Entity.Run != uint32(n) {
					w.T.Errorf("run %d is called run %d", n, u.Entity.Run)
				}
				seen[c.ID] = true
				return true
			})
			if n == restarts {
				break
			}
			if err := c.Stop(w.Ctx, 0); err != nil {
				w.T.Fatal(err)
			}
			next, err := c.Restart(w.Ctx, "burn:900")
			if err != nil {
				w.T.Fatal(err)
			}
			c = next
		}
		if len(seen) != restarts+1 {
			w.T.Errorf("%d runs were seen, want %d", len(seen), restarts+1)
		}
	})
}

// checkRates looks for rates that cannot be.
func checkRates(w *world, s *stats.Snapshot) {
	w.T.Helper()
	for i := range s.Usages {
		u := &s.Usages[i]
		if cores, ok := u.Rates.Get(metric.CPUUsage); ok && (cores < 0 || cores > 64) {
			w.T.Errorf("%s uses %v cores", u.Entity.Cgroup, cores)
		}
		if u.Entity.Pod == "restless" && u.Entity.Key.Kind == stats.KindContainer {
			if cores := u.Rates.Value(metric.CPUUsage); cores > 1.5 { // a reading may have taken a moment
				w.T.Errorf("%s uses %v cores of 1", u.Entity.ContainerID, cores)
			}
		}
	}
}

// TestDown: when containerd is down the figures go on, under the names that were known.
func TestDown(t *testing.T) {
	t.Parallel()
	eachRelease(t, func(w *world) {
		pod := w.RunPod(containerd.Pod{Namespace: "shop", Name: "web-0", HostNetwork: true, Labels: map[string]string{"app": "web"}})
		c := w.Start(pod, containerd.Container{Name: "app", Args: []string{"burn:200"}})
		before := w.until("the container has rates", stats.KindContainer, c.ID, rated)
		if err := w.Containerd.Down(w.Ctx); err != nil {
			w.T.Fatal(err)
		}
		after := w.until("figures that come later", stats.KindContainer, c.ID, func(u *stats.Usage) bool {
			return rated(u) && u.Boot > before.Boot+3*time.Second
		})
		// On a machine that is busy it does not get its share in time.
		if cores := after.Rates.Value(metric.CPUUsage); cores < 0.02 || cores > 1 {
			w.T.Errorf("it uses %v cores, want about 0.2", cores)
		}
		if e := after.Entity; e.Namespace != "shop" || e.Pod != "web-0" || e.Name != "app" {
			w.T.Errorf("it is called %+v", *e)
		}
	})
}
