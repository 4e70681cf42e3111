// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// subjectItem says in JSON and YAML whose figures follow. Its names and those of the figures are a contract: docs/top.md.
type subjectItem struct {
	Kind          string            `json:"kind"`
	Node          string            `json:"node"`
	Namespace     string            `json:"namespace,omitempty"`
	Pod           string            `json:"pod,omitempty"`
	Name          string            `json:"name"`
	PodUID        string            `json:"pod_uid,omitempty"`
	ContainerID   string            `json:"container_id,omitempty"`
	ContainerType string            `json:"container_type,omitempty"`
	Image         string            `json:"image,omitempty"`
	Runtime       string            `json:"runtime,omitempty"`
	RestartCount  *uint32           `json:"restart_count,omitempty"`
	HostNetwork   bool              `json:"host_network,omitempty"`
	Labels        map[string]string `json:"labels,omitempty"`
	Resources     *resourcesItem    `json:"resources,omitempty"`
	Cgroup        string            `json:"cgroup,omitempty"`
	StartTime     *time.Time        `json:"start_time,omitempty"`
}

// usageItem is what something uses.
type usageItem struct {
	subjectItem
	// Time and AgeSeconds are not there for what was never read.
	Time          *time.Time `json:"time,omitempty"`
	AgeSeconds    *float64   `json:"age_seconds,omitempty"`
	Old           bool       `json:"old,omitempty"`
	WindowSeconds *float64   `json:"window_seconds,omitempty"`
	// The capacities are of the node.
	CPUCapacityMillicores *uint64 `json:"cpu_capacity_millicores,omitempty"`
	MemoryCapacityBytes   *uint64 `json:"memory_capacity_bytes,omitempty"`
	SwapCapacityBytes     *uint64 `json:"swap_capacity_bytes,omitempty"`
	// Containers is of pods.
	Containers *containersItem `json:"containers,omitempty"`
	// usage has the numbers and rates that follow.
	usage *stats.Usage
}

// containersItem is what the containers of a pod use together.
type containersItem struct {
	Count                 int     `json:"count"`
	CPUUsageNanocores     *uint64 `json:"cpu_usage_nanocores,omitempty"`
	MemoryWorkingSetBytes *uint64 `json:"memory_working_set_bytes,omitempty"`
	MemorySwapBytes       *uint64 `json:"memory_swap_bytes,omitempty"`
}

// MarshalJSON implements json.Marshaler: all numbers that are known follow, with their units in their names.
func (u usageItem) MarshalJSON() ([]byte, error) {
	// Of a type without this method.
	type plain usageItem
	text, err := json.Marshal(plain(u))
	if err != nil || u.usage == nil {
		return text, err
	}
	text = text[:len(text)-1]
	add := func(name string, a amount) {
		if !a.known {
			return
		}
		text = append(text, `,"`+name+`":`...)
		text = strconv.AppendUint(text, a.value, 10)
	}
	for id := range metric.Count {
		rate, counter := figureNames(id)
		if rate != "" {
			add(rate, rateAmount(&u.usage.Rates, id))
		}
		add(counter, number(&u.usage.Numbers, id))
	}
	return append(text, '}'), nil
}

// figureNames are the names of a rate, empty for what has none, and of a number.
func figureNames(id metric.ID) (rate, number string) {
	info := id.Info()
	number = info.Name
	switch {
	case info.Unit == metric.UnitBytes && !strings.Contains(number, "bytes"):
		number += "_bytes"
	case info.Unit == metric.UnitNanoseconds:
		number += "_nanoseconds"
	case info.Unit == metric.UnitMillicores:
		number += "_millicores"
	}
	switch {
	case !info.Counter:
	case id == metric.CPUUsage || id == metric.CPUUser || id == metric.CPUSystem:
		rate = info.Name + "_nanocores"
	default:
		rate = number + "_per_second"
	}
	return rate, number
}

// rateAmount is a rate in the unit of its name.
func rateAmount(r *metric.Rates, id metric.ID) amount {
	if id.Info().Unit == metric.UnitNanoseconds {
		// A second a second is a thousand million nanoseconds a second, and a core.
		return cores(r, id)
	}
	return perSecond(r, id)
}

func subjectItemOf(node string, e *stats.Entity) subjectItem {
	item := subjectItem{
		Kind: e.Key.Kind.String(), Node: node, Namespace: e.Namespace, Pod: e.Pod, Name: e.Name, PodUID: e.UID, ContainerID: e.ContainerID,
		Image: e.Image, Runtime: e.Runtime, HostNetwork: e.HostNetwork, Labels: e.Labels, Cgroup: e.Cgroup, StartTime: known(e.Started),
	}
	switch e.Key.Kind {
	case stats.KindContainer:
		item.RestartCount = &e.Run
		item.ContainerType = containerTypeName(e.Type)
	case stats.KindPod:
		item.Pod = ""
	case stats.KindNode, stats.KindUnit, stats.KindUnknown:
	}
	if r := e.Resources; r != (inventory.Resources{}) {
		item.Resources = resourcesItemOf(r)
	}
	return item
}

// seconds are those of a duration to the millisecond.
func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }

// items are the rows as JSON and YAML list them.
func (l *topLook) items() []usageItem {
	items := make([]usageItem, len(l.rows))
	for i := range l.rows {
		items[i] = l.item(&l.rows[i])
	}
	return items
}

func (l *topLook) item(r *topRow) usageItem {
	item := usageItem{subjectItem: subjectItemOf(l.node, r.Entity), Time: known(r.Time), Old: l.old(r.Usage), usage: r.Usage}
	if item.Time != nil {
		age := seconds(l.age(r.Usage))
		item.AgeSeconds = &age
	}
	if r.Window > 0 {
		window := seconds(r.Window)
		item.WindowSeconds = &window
	}
	switch r.Entity.Key.Kind {
	case stats.KindNode:
		if l.machine.CPUs > 0 {
			millicores := uint64(l.machine.CPUs) * 1000
			item.CPUCapacityMillicores = &millicores
		}
		if l.machine.MemoryBytes > 0 {
			item.MemoryCapacityBytes, item.SwapCapacityBytes = &l.machine.MemoryBytes, &l.machine.SwapBytes
		}
	case stats.KindPod:
		item.Containers = &containersItem{Count: r.Sum.Containers}
		for _, sum := range []struct {
			amount
			to **uint64
		}{
			{r.cpu, &item.Containers.CPUUsageNanocores}, {r.memory, &item.Containers.MemoryWorkingSetBytes}, {r.swap, &item.Containers.MemorySwapBytes},
		} {
			if sum.known {
				*sum.to = &sum.value
			}
		}
	case stats.KindContainer, stats.KindUnit, stats.KindUnknown:
	}
	return item
}
