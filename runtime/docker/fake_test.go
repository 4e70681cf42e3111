// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package docker_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// fake answers like a Docker daemon. A set field replaces the answer to that request.
type fake struct {
	Socket string

	mu         sync.Mutex
	containers map[string]map[string]any
	subscribed []chan string
	requests   []string
	server     *http.Server

	version, list, inspect, events http.HandlerFunc
}

// newFake makes a fake daemon that is not started yet.
func newFake(t *testing.T) *fake {
	t.Helper()
	// The path of a socket must be short.
	dir, err := os.MkdirTemp("", "docker")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return &fake{Socket: filepath.Join(dir, "sock"), containers: make(map[string]map[string]any)}
}

// start begins to listen. stop ends all connections.
func (f *fake) start(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("unix", f.Socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: f}
	f.mu.Lock()
	f.server = server
	f.mu.Unlock()
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
}

func (f *fake) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = f.server.Close()
}

// set makes or changes a container and tells of an event.
func (f *fake) set(id, action string, inspect map[string]any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	inspect["Id"] = id
	f.containers[id] = inspect
	f.tell(id, action)
}

// remove removes a container and tells of it.
func (f *fake) remove(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.containers, id)
	f.tell(id, "destroy")
}

// tell sends an event; mu is held.
func (f *fake) tell(id, action string) {
	if action == "" {
		return
	}
	f.sendLocked(map[string]any{"Type": "container", "Action": action, "Actor": map[string]any{"ID": id}})
}

// send sends an event.
func (f *fake) send(event map[string]any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sendLocked(event)
}

// sendLocked sends an event; mu is held.
func (f *fake) sendLocked(event map[string]any) {
	b, _ := json.Marshal(event)
	for _, c := range f.subscribed {
		c <- string(b)
	}
}

// subscribers is the number of streams of events there were so far.
func (f *fake) subscribers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.subscribed)
}

// asked returns the requests so far.
func (f *fake) asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.requests...)
}

// ServeHTTP implements http.Handler.
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests = append(f.requests, r.Method+" "+r.URL.Path)
	f.mu.Unlock()
	w.Header().Set("Api-Version", "1.41")
	path := r.URL.Path
	if strings.HasPrefix(path, "/v1.") {
		path = path[strings.IndexByte(path[1:], '/')+1:]
	}
	choose := func(replaced, usual http.HandlerFunc) {
		if replaced != nil {
			usual = replaced
		}
		usual(w, r)
	}
	switch {
	case path == "/_ping":
	case path == "/version":
		choose(f.version, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"Version":"20.10.24","ApiVersion":"1.41","Components":[{"Name":"Engine"}]}`)
		})
	case path == "/events":
		choose(f.events, f.serveEvents)
	case path == "/containers/json":
		choose(f.list, f.serveList)
	case strings.HasPrefix(path, "/containers/") && strings.HasSuffix(path, "/json"):
		choose(f.inspect, f.serveInspect)
	default:
		http.Error(w, `{"message":"page not found"}`, http.StatusNotFound)
	}
}

func (f *fake) serveList(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]map[string]any, 0, len(f.containers))
	for id, c := range f.containers {
		item := map[string]any{"Id": id, "Names": []any{"/other/alias", c["Name"]}, "Image": "fake:1", "Created": 1795490000}
		if config, ok := c["Config"].(map[string]any); ok {
			item["Labels"] = config["Labels"]
		}
		if state, ok := c["State"].(map[string]any); ok {
			item["State"] = state["Status"]
		}
		list = append(list, item)
	}
	_ = json.NewEncoder(w).Encode(list)
}

func (f *fake) serveInspect(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	parts := strings.Split(r.URL.Path, "/")
	c := f.containers[parts[len(parts)-2]]
	if c == nil {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"message":"No such container"}`)
		return
	}
	_ = json.NewEncoder(w).Encode(c)
}

func (f *fake) serveEvents(w http.ResponseWriter, r *http.Request) {
	c := make(chan string, 100)
	f.mu.Lock()
	f.subscribed = append(f.subscribed, c)
	f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case event := <-c:
			_, _ = io.WriteString(w, event+"\n")
			w.(http.Flusher).Flush()
		}
	}
}
