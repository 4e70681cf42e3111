// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package metricsserver_test has noded scraped by the code of Metrics Server. It is a module of its own, because that needs much that noded
// does not.
package metricsserver_test

import (
	"context"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/metrics-server/pkg/scraper/client"
	"sigs.k8s.io/metrics-server/pkg/scraper/client/resource"
	"sigs.k8s.io/metrics-server/pkg/storage"

	"github.com/noded/noded/daemon/metrics"
	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

const (
	// window is what lies between two looks, resolution how often Metrics Server is told to scrape.
	window     = 15 * time.Second
	resolution = 15 * time.Second
)

// node is a node with a pod of two containers. It is safe for concurrent use.
type node struct {
	mu   sync.Mutex
	look int // mu guards it
}

func (n *node) next() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.look++
}

// begun is when the node was looked at first.
var begun = time.Now().Add(-time.Minute).Truncate(time.Millisecond)

// Snapshot implements metrics.Source. The node uses 2 cores and the containers a quarter and an eighth of one.
func (n *node) Snapshot(context.Context) (*stats.Snapshot, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := begun.Add(time.Duration(n.look) * window)
	numbers := func(cores float64, memory uint64) (s metric.Set) {
		s.Put(metric.CPUUsage, uint64(1e9+cores*float64(time.Duration(n.look)*window)))
		s.Put(metric.MemoryWorkingSet, memory)
		return s
	}
	container := func(name, id string, cores float64, memory uint64) stats.Usage {
		return stats.Usage{Time: at, Numbers: numbers(cores, memory), Entity: &stats.Entity{
			Key: stats.Key{Kind: stats.KindContainer, ID: id}, Name: name, ContainerID: id, Namespace: "shop", Pod: "web-0", UID: "0f1e",
			Started: begun.Add(-time.Hour),
		}}
	}
	return &stats.Snapshot{
		Time: at, Interval: window,
		Node: stats.Usage{Time: at, Numbers: numbers(2, 8<<30), Entity: &stats.Entity{Key: stats.Key{Kind: stats.KindNode}, Name: "node-1", Cgroup: "/"}},
		Usages: []stats.Usage{
			{Time: at, Numbers: numbers(0.375, 400<<20), Entity: &stats.Entity{
				Key: stats.Key{Kind: stats.KindPod, ID: "0f1e"}, Name: "web-0", Namespace: "shop", Pod: "web-0", UID: "0f1e", Started: begun.Add(-time.Hour),
			}},
			container("app", "aaaa", 0.25, 300<<20), container("side", "bbbb", 0.125, 100<<20),
		},
	}, nil
}

// Machine implements metrics.Source.
func (*node) Machine() (stats.Machine, error) {
	return stats.Machine{CPUs: 4, MemoryBytes: 16 << 30}, nil
}

// Filesystems implements metrics.Source.
func (*node) Filesystems(context.Context) ([]stats.Filesystem, error) { return nil, nil }

// serve serves the metrics of a node until the test ends and returns the port.
func serve(t *testing.T, source metrics.Source) int {
	t.Helper()
	server, err := metrics.New(metrics.Config{Listen: "127.0.0.1:0", Source: source, Version: "1.0.0"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestScrape: two scrapes of Metrics Server give it what the node, the pod and its containers use.
func TestScrape(t *testing.T) {
	t.Parallel()
	source := new(node)
	scraper, err := resource.NewForConfig(&client.KubeletClientConfig{
		Client: rest.Config{Timeout: 2 * time.Minute}, AddressTypePriority: []corev1.NodeAddressType{corev1.NodeInternalIP}, Scheme: "http", DefaultPort: serve(t, source),
	})
	if err != nil {
		t.Fatal(err)
	}
	of := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "node-1"},
		Status:     corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}}},
	}
	pod := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-0"}}
	store := storage.NewStorage(resolution)
	for range 2 {
		batch, err := scraper.GetMetrics(t.Context(), of)
		if err != nil {
			t.Fatal(err)
		}
		if len(batch.Nodes) != 1 || len(batch.Pods) != 1 {
			t.Fatalf("%d nodes, %d pods", len(batch.Nodes), len(batch.Pods))
		}
		store.Store(batch)
		source.next()
	}
	nodes, err := store.GetNodeMetrics(of)
	if err != nil || len(nodes) != 1 {
		t.Fatal(nodes, err)
	}
	check(t, "node", nodes[0].Usage.Cpu().MilliValue(), 2000)
	check(t, "memory of the node", nodes[0].Usage.Memory().Value(), 8<<30)
	if nodes[0].Window.Duration != window || !nodes[0].Timestamp.Time.Equal(begun.Add(window)) {
		t.Errorf("window %v, time %v, want %v and %v", nodes[0].Window, nodes[0].Timestamp, window, begun.Add(window))
	}
	pods, err := store.GetPodMetrics(pod)
	if err != nil || len(pods) != 1 || len(pods[0].Containers) != 2 {
		t.Fatal(pods, err)
	}
	for _, c := range pods[0].Containers {
		cpu, memory := int64(250), int64(300<<20)
		if c.Name == "side" {
			cpu, memory = 125, 100<<20
		}
		check(t, c.Name, c.Usage.Cpu().MilliValue(), cpu)
		check(t, "memory of "+c.Name, c.Usage.Memory().Value(), memory)
	}
}

func check(t *testing.T, what string, got, want int64) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %d, want %d", what, got, want)
	}
}
