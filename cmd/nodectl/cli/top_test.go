// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// runTop runs nodectl top with arguments against a node and returns what it printed.
func runTop(t *testing.T, n *fakeStats, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errOut bytes.Buffer
	g := newGlobals(Streams{Out: &out, Err: &errOut, Getenv: func(string) string { return "" }})
	g.stats = func() (nodeSource, error) { return n, nil }
	root := newCommand(g)
	root.SetArgs(args)
	err = root.ExecuteContext(t.Context())
	return out.String(), errOut.String(), err
}

func TestTop(t *testing.T) {
	t.Parallel()
	tests := []struct{ args, want string }{
		{"top node", `
NAME    CPU(cores)   CPU(%)   MEMORY(bytes)   MEMORY(%)   
node1   1235m        15%      3072Mi          18%         
`},
		{"top node node1 -o wide --show-swap", `
NAME    CPU(cores)   CPU(%)   MEMORY(bytes)   MEMORY(%)   SWAP(bytes)   SWAP(%)   RECEIVE(bytes/s)   SEND(bytes/s)   READ(bytes/s)   WRITE(bytes/s)   TASKS   AGE   
node1   1235m        15%      3072Mi          18%         1Mi           0%        2.0Ki              1.5Ki           1.0Mi           0                512     1s    
`},
		{"top pod", `
NAMESPACE     NAME      CPU(cores)   MEMORY(bytes)   
default       web-1     301m         250Mi           
kube-system   proxy-x   <unknown>    400Mi           
`},
		{"top pod --sort-by memory --sum --no-headers", `
kube-system   proxy-x   <unknown>   400Mi      
default       web-1     301m        250Mi      
                        ________    ________   
                        301m        650Mi      
`},
		{"top po -n default -o wide", `
NAME    CPU(cores)   MEMORY(bytes)   RECEIVE(bytes/s)   SEND(bytes/s)   READ(bytes/s)   WRITE(bytes/s)   TASKS   AGE   
web-1   301m         250Mi           1000               500             0               0                12      1s    
`},
		{"top pod proxy-x -o wide", `
NAMESPACE     NAME      CPU(cores)   MEMORY(bytes)   RECEIVE(bytes/s)   SEND(bytes/s)   READ(bytes/s)   WRITE(bytes/s)   TASKS   AGE         
kube-system   proxy-x   <unknown>    400Mi           <host>             <host>          <unknown>       <unknown>        5       10s (old)   
`},
		{"top pod --containers -A", `
NAMESPACE     POD       NAME    CPU(cores)   MEMORY(bytes)   
default       web-1     app     300m         200Mi           
default       web-1     side    1m           50Mi            
kube-system   proxy-x   proxy   <unknown>    400Mi           
`},
		{"top container --sort-by=cpu", `
NAMESPACE     POD       NAME             CPU(cores)   MEMORY(bytes)   LIMIT(bytes)   MEMORY(%)   
default       web-1     app              300m         200Mi           256Mi          78%         
<none>        <none>    lonely\x1b[31m   10m          1Mi             <none>         <none>      
default       web-1     side             1m           50Mi            <none>         <none>      
kube-system   proxy-x   proxy            <unknown>    400Mi           <none>         <none>      
`},
		{"top container web-1 -o wide", `
NAMESPACE   POD     NAME   CPU(cores)   MEMORY(bytes)   LIMIT(bytes)   MEMORY(%)   RECEIVE(bytes/s)   SEND(bytes/s)   READ(bytes/s)   WRITE(bytes/s)   TASKS   THROTTLED(%)   RESTARTS   SWAP(bytes)   AGE   ID        
default     web-1   app    300m         200Mi           256Mi          78%         <pod>              <pod>           4.0Ki           0                10      <none>         3          0Mi           1s    id-app    
default     web-1   side   1m           50Mi            <none>         <none>      <pod>              <pod>           0               0                2       <none>         0          0Mi           1s    id-side   
`},
		{"top container -n default --sum --show-swap", `
NAMESPACE   POD     NAME   CPU(cores)   MEMORY(bytes)   LIMIT(bytes)   MEMORY(%)   SWAP(bytes)   
default     web-1   app    300m         200Mi           256Mi          78%         0Mi           
default     web-1   side   1m           50Mi            <none>         <none>      0Mi           
                           ________     ________                                   ________      
                           301m         250Mi                                      0Mi           
`},
		{"top container --id container/id-app --no-headers", `
default   web-1   app   300m   200Mi   256Mi   78%   
`},
		{"top pod --sort-by network -n default", `
NAME    CPU(cores)   MEMORY(bytes)   RECEIVE(bytes/s)   SEND(bytes/s)   
web-1   301m         250Mi           1000               500             
`},
		{"top pod --sort-by disk -n default --sum", `
NAME    CPU(cores)   MEMORY(bytes)   READ(bytes/s)   WRITE(bytes/s)   
web-1   301m         250Mi           0               0                
        ________     ________        
        301m         250Mi           
`},
		{"top unit ssh --sort-by swap", `
NAME          CPU(cores)   MEMORY(bytes)   TASKS   READ(bytes/s)   WRITE(bytes/s)   SWAP(bytes)   
ssh.service   0m           5Mi             1       0               0                0Mi           
`},
		{"top node node/node1 --no-headers", `
node1   1235m   15%   3072Mi   18%   
`},
		{"top unit", `
NAME              CPU(cores)   MEMORY(bytes)   TASKS   READ(bytes/s)   WRITE(bytes/s)   
system.slice      500m         900Mi           80      2.0Mi           100              
kubelet.service   250m         120Mi           20      0               4.9Ki            
ssh.service       0m           5Mi             1       0               0                
`},
		{"top unit --tree --no-headers", `
system.slice        500m   900Mi   80    2.0Mi   100     
  kubelet.service   250m   120Mi   20    0       4.9Ki   
  ssh.service       0m     5Mi     1     0       0       
`},
		{"top unit --tree --no-headers *.service", `
kubelet.service   250m   120Mi   20    0     4.9Ki   
ssh.service       0m     5Mi     1     0     0       
`},
		{"top unit kubelet --no-headers -o wide", `
kubelet.service   250m   120Mi   20    0     4.9Ki   0Mi   1s    /system.slice/kubelet.service   
`},
		{"top unit *.service --sort-by disk -o name", `
kubelet.service
ssh.service
`},
		{"top pod -o name --sort-by network", `
pod/web-1
pod/proxy-x
`},
		{"top container -n default -o name", `
container/id-app
container/id-side
`},
		{"top node -o name", `
node/node1
`},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				got, stderr, err := runTop(t, busyNode(), strings.Fields(tt.args)...)
				if err != nil || stderr != "" {
					t.Fatalf("%v: %s", err, stderr)
				}
				if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), got); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
			})
		})
	}
}

// TestTopMistakes: what is refused, with which exit code.
func TestTopMistakes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args, want string
		code       int
	}{
		{"top pod -o xml", `--output "xml": want one of`, ExitUsage},
		{"top pod --sort-by age", `--sort-by "age": want one of cpu, memory, network, disk, swap`, ExitUsage},
		{"top pod web -l app=web", "only a selector (-l) or names are allowed", ExitUsage},
		{"top pod nope", `pods "nope" not found`, ExitNotFound},
		{"top node a b", "top node wants one name at most", ExitUsage},
		{"top node other", `node "other" not found: this is node1`, ExitNotFound},
		{"top node other --since 1m", `node "other" not found: this is node1`, ExitNotFound},
		{"top unit kublet", `units "kublet.service" not found`, ExitNotFound},
		{"top unit zz*", "no unit matches zz*", ExitNotFound},
		{"top pod --since 10m --watch", "--since cannot be used with --watch", ExitUsage},
		{"top pod --since 10m --sum", "--since cannot be used with --sum", ExitUsage},
		{"top unit --sort-by network", "they have no network of their own", ExitUsage},
		{"top pod --containers --sort-by network", "the containers of a pod have its network", ExitUsage},
		{"top unit --tree --sort-by cpu", "--tree cannot be used with --sort-by", ExitUsage},
		{"top unit --tree -o json", "--tree cannot be used with -o json", ExitUsage},
		{"top container --id nope", `containers "nope" not found`, ExitNotFound},
		{"top pod --since tomorrow", "--since tomorrow is not in the past", ExitUsage},
		{"top pod --since nonsense", "nonsense", ExitUsage},
		{"top pod --since=", "--since wants a time", ExitUsage},
		{"top pod --watch -o yaml", "--watch cannot be used with -o yaml", ExitUsage},
		{"top pod --sum -o json", "--sum cannot be used with -o json", ExitUsage},
		{"top pod --sum -o name", "--sum cannot be used with -o name", ExitUsage},
		{"top unit zz* --watch", "no unit matches zz*", ExitNotFound},
		{"top pod nope --watch", `pods "nope" not found`, ExitNotFound},
		{"top cpu", `unknown command "cpu"`, ExitUsage},
		{"describe node other", `node "other" not found: this is node1`, ExitNotFound},
		{"describe node a b", "describe node wants one name at most", ExitUsage},
		{"describe node -o wide", `--output "wide": want one of text, json, yaml`, ExitUsage},
	}
	for _, tt := range tests {
		stdout, _, err := runTop(t, busyNode(), strings.Fields(tt.args)...)
		if err == nil || !strings.Contains(err.Error(), tt.want) || ExitCode(err) != tt.code || stdout != "" {
			t.Errorf("%s: %v with code %d and %q, want %q with %d", tt.args, err, ExitCode(err), stdout, tt.want, tt.code)
		}
	}
}

// TestTopPartly: a pattern without a unit is told beside what the others match, and so is a pod of which nothing runs.
func TestTopPartly(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ args, stdout, stderr string }{
		{"top unit zz* kubelet -o name", "kubelet.service\n", "no unit matches zz*\n"},
		{"top pod sleeper", "", "No figures of sleeper: nothing of it runs.\n"},
		{"top container --id sleeping", "", "No figures of sleeping: nothing of it runs.\n"},
		{"top pod -n nowhere --sum", "", "No pods found in nowhere namespace on this node.\n"},
		{"top pod -n nowhere -o json", "[]\n", "No pods found in nowhere namespace on this node.\n"},
	} {
		stdout, stderr, err := runTop(t, busyNode(), strings.Fields(tt.args)...)
		if err != nil || stdout != tt.stdout || stderr != tt.stderr {
			t.Errorf("%s: %q, %q, %v", tt.args, stdout, stderr, err)
		}
	}
}

// TestFirstRates: the rates of what is new are those of the next look, which noded is made to have at once. They are not waited for in vain.
func TestFirstRates(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args     string
		rateless int
		every    time.Duration
		took     time.Duration
		rated    bool
	}{
		{"top node --no-headers", 0, time.Second, 0, true},
		{"top node --no-headers", 2, time.Second, time.Second, true},
		{"top node --no-headers", 1 << 30, time.Second, time.Second, false},
		{"top node --no-headers", 2, 0, rateWait, false},
		{"top pod proxy-x --no-headers", 0, time.Second, 0, false}, // It is old.
		{"top node -o name", 2, time.Second, 0, false},
		{"top node -o name --sort-by cpu", 2, time.Second, time.Second, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := busyNode()
			n.rateless, n.every = tt.rateless, tt.every
			begun := time.Now()
			stdout, _, err := runTop(t, n, strings.Fields(tt.args)...)
			if took := time.Since(begun); err != nil || took != tt.took || strings.Contains(stdout, "1235m") != tt.rated {
				t.Errorf("%+v: %q after %v, %v", tt, stdout, took, err)
			}
			if strings.HasPrefix(tt.args, "top node --") && !tt.rated && !strings.HasPrefix(stdout, "node1   <unknown>   <unknown>   3072Mi") {
				t.Errorf("what is not known is printed as %q", stdout)
			}
			if calls := len(n.watched); calls > 1 || calls > 0 && n.watched[0].Interval != time.Second {
				t.Errorf("%+v: watched %+v", tt, n.watched)
			}
		})
	}
}

func TestTopJSON(t *testing.T) {
	t.Parallel()
	// Of the time that the rates of one pod are waited for in vain.
	synctest.Test(t, testTopJSON)
}

func testTopJSON(t *testing.T) {
	stdout, _, err := runTop(t, busyNode(), "top", "container", "web-1", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var items []map[string]any
	if err := json.Unmarshal([]byte(stdout), &items); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"kind": "container", "node": "node1", "namespace": "default", "pod": "web-1", "name": "app", "pod_uid": "uid-web-1", "container_id": "id-app",
		"container_type": "regular", "runtime": "containerd", "restart_count": 3.0,
		"time": "2026-11-23T18:00:09Z", "age_seconds": 1.0, "window_seconds": 1.0,
		"cpu_usage_nanocores": 300000000.0, "cpu_usage_nanoseconds": 5e9, "memory_working_set_bytes": float64(200 << 20), "memory_limit_bytes": float64(256 << 20),
		"memory_swap_bytes": 0.0, "processes": 10.0, "io_read_bytes_per_second": 4096.0, "io_write_bytes_per_second": 0.0,
	}
	if diff := cmp.Diff(want, items[0]); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}

	stdout, _, err = runTop(t, busyNode(), "top", "pod", "-o", "yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"- kind: pod\n", "  containers:\n    count: 2\n    cpu_usage_nanocores: 300500000\n", "  old: true\n", "  host_network: true\n", "  age_seconds: 10\n"} {
		if !strings.Contains(stdout, line) {
			t.Errorf("no %q in\n%s", line, stdout)
		}
	}
	stdout, _, err = runTop(t, busyNode(), "top", "node", "-o", "json")
	if err != nil || !strings.Contains(stdout, `"cpu_capacity_millicores": 8000,`) || !strings.Contains(stdout, `"swap_capacity_bytes": 2147483648,`) ||
		!strings.Contains(stdout, `"pressure_io_full_nanoseconds_per_second": 250000000`) {
		t.Errorf("%v: %s", err, stdout)
	}
}

// TestFigureNames: names are unique, and tell their units.
func TestFigureNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{"time": true, "name": true}
	for id := range metric.Count {
		rate, counter := figureNames(id)
		for _, name := range []string{rate, counter} {
			if seen[name] && name != "" {
				t.Errorf("%s twice", name)
			}
			seen[name] = true
		}
	}
	for _, want := range []string{
		"cpu_usage_nanocores", "cpu_throttled_nanoseconds_per_second", "cpu_limit_millicores", "memory_working_set_bytes", "io_read_bytes",
		"io_read_bytes_per_second", "network_receive_bytes_per_second", "oom_kills", "processes", "memory_major_faults_per_second", "filesystem_log_bytes",
	} {
		if !seen[want] {
			t.Errorf("no %s", want)
		}
	}
}

// TestFigureNamesInDocs: docs/top.md has the name of every figure, and no other.
func TestFigureNamesInDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/top.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "A counter is there twice: as it is, and as a rate.\n\n| name | what it is |\n|---|---|\n")
	if !ok {
		t.Fatal("there is no table of names")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	documented, known := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(table) {
		words := strings.Split(strings.Split(line, "|")[1], "`")
		rates := slices.Contains(words, "_per_second")
		for i := 1; i < len(words); i += 2 {
			switch {
			case words[i] == "_per_second":
				continue
			case documented[words[i]]:
				t.Errorf("%s twice", words[i])
			}
			documented[words[i]] = true
			if rates {
				documented[words[i]+"_per_second"] = true
			}
		}
	}
	for id := range metric.Count {
		rate, counter := figureNames(id)
		known[counter] = true
		if rate != "" {
			known[rate] = true
		}
	}
	if diff := cmp.Diff(known, documented); diff != "" {
		t.Errorf("-nodectl +docs/top.md\n%s", diff)
	}
}

// historyOf is what a node remembers of two pods, of which one has ended.
func historyOf(now time.Time) stats.QueryResult {
	entity := func(namespace, name string) *stats.Entity {
		return &stats.Entity{Key: stats.Key{Kind: stats.KindPod, ID: "uid-" + name}, Namespace: namespace, Name: name, UID: "uid-" + name}
	}
	series := func(e *stats.Entity, ended bool, id metric.ID, mean, p95, most float64) stats.Series {
		return stats.Series{Entity: e, Ended: ended, Metric: id, Summary: stats.Summary{
			Samples: 60, First: now.Add(-10 * time.Minute), Last: now.Add(-time.Second), Mean: mean, P95: p95, Max: most, LastValue: mean,
		}}
	}
	web, gone := entity("default", "web-1"), entity("default", "gone")
	return stats.QueryResult{Oldest: now.Add(-10 * time.Minute), Series: []stats.Series{
		series(web, false, metric.CPUUsage, 0.1001, 0.25, 0.5), series(web, false, metric.MemoryWorkingSet, 100<<20, 150<<20, 200<<20+1),
		series(web, false, metric.NetworkReceiveBytes, 2048, 3072, 4096), series(gone, true, metric.CPUUsage, 0.7, 0.8, 0.9),
	}}
}

func TestTopSince(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := busyNode()
		n.history = historyOf(time.Now())
		stdout, stderr, err := runTop(t, n, "top", "pod", "--since", "10m", "-n", "default")
		want := `NAME    CPU(mean)   CPU(p95)   CPU(max)   MEMORY(mean)   MEMORY(p95)   MEMORY(max)   ENDED    
gone    700m        800m       900m       <unknown>      <unknown>     <unknown>     1s ago   
web-1   101m        250m       500m       100Mi          150Mi         200Mi         no       
`
		if diff := cmp.Diff(want, stdout); diff != "" || stderr != "" || err != nil {
			t.Errorf("-want +got\n%s\n%s %v", diff, stderr, err)
		}
		q := n.queries[0]
		if !q.Since.Equal(time.Now().Add(-10*time.Minute)) || q.Selection.Pods == nil || q.Selection.Pods.Namespace != "default" || q.Selection.Kinds[0] != stats.KindPod {
			t.Errorf("asked for %+v", q)
		}
		stdout, stderr, err = runTop(t, n, "top", "pod", "--since", "1h", "--sort-by", "memory", "-o", "wide")
		want = `NAMESPACE   NAME    CPU(mean)   CPU(p95)   CPU(max)   MEMORY(mean)   MEMORY(p95)   MEMORY(max)   RECEIVE(mean)   RECEIVE(max)   SEND(mean)   SEND(max)   READ(mean)   READ(max)   WRITE(mean)   WRITE(max)   SWAP(mean)   SWAP(max)   SAMPLES   FIRST     LAST     ENDED    UID         
default     web-1   101m        250m       500m       100Mi          150Mi         200Mi         2.0Ki           4.0Ki          <unknown>    <unknown>   <unknown>    <unknown>   <unknown>     <unknown>    <unknown>    <unknown>   60        10m ago   1s ago   no       uid-web-1   
default     gone    700m        800m       900m       <unknown>      <unknown>     <unknown>     <unknown>       <unknown>      <unknown>    <unknown>   <unknown>    <unknown>   <unknown>     <unknown>    <unknown>    <unknown>   60        10m ago   1s ago   1s ago   uid-gone    
`
		if diff := cmp.Diff(want, stdout); diff != "" || stderr != "History begins 10m ago.\n" || err != nil {
			t.Errorf("-want +got\n%s\n%s %v", diff, stderr, err)
		}
		stdout, _, err = runTop(t, n, "top", "pod", "--since", "10m", "-o", "json")
		var items []sinceItem
		if err := errors.Join(err, json.Unmarshal([]byte(stdout), &items)); err != nil {
			t.Fatal(err)
		}
		if len(items) != 2 || !items[0].Ended || items[0].MemoryWorkingSet != nil || items[1].CPUUsage.Mean != 100_100_000 || items[1].MemoryWorkingSet.Max != 200<<20+1 ||
			items[1].NetworkReceive.P95 != 3072 || items[1].IORead != nil {
			t.Errorf("%s", stdout)
		}
		n.history = stats.QueryResult{}
		stdout, stderr, err = runTop(t, n, "top", "unit", "--since", "10m")
		if stdout != "" || stderr != "No figures of that time are known.\n" || err != nil {
			t.Errorf("nothing: %q %q %v", stdout, stderr, err)
		}
	})
}

// watchTop runs a watch without a terminal until steps are done, and returns what it printed. What comes on stderr has > before each line.
func watchTop(t *testing.T, n *fakeStats, f *topFlags, steps func()) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out bytes.Buffer
	g := newGlobals(Streams{Out: &out, Err: writerFunc(func(p []byte) (int, error) {
		for line := range strings.Lines(string(p)) {
			out.WriteString(">" + line)
		}
		return len(p), nil
	}), Getenv: func(string) string { return "" }})
	go func() {
		synctest.Wait()
		steps()
		synctest.Wait()
		cancel()
	}()
	if err := f.runWatch(ctx, g, n); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return out.String()
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestTopSinceRuns: a container that was started again and again has a row for each run, and each can be told from the others.
func TestTopSinceRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, now := busyNode(), time.Now()
		n.history.Oldest = now.Add(-time.Hour)
		run := func(pod, name, id string, run uint32, ended time.Duration, cpu float64) {
			e := &stats.Entity{Key: stats.Key{Kind: stats.KindContainer, ID: id}, Namespace: "default", Pod: pod, UID: "uid-" + pod, Name: name, ContainerID: id, Run: run}
			n.history.Series = append(n.history.Series, stats.Series{Entity: e, Ended: ended > 0, Metric: metric.CPUUsage, Summary: stats.Summary{
				Samples: 2, First: now.Add(-ended - time.Minute), Last: now.Add(-ended), Mean: cpu, P95: cpu, Max: cpu,
			}})
		}
		run("loop", "app", "id3", 2, 0, 0.1)
		run("loop", "app", "id1", 0, 9*time.Minute, 0.3)
		run("loop", "app", "id2", 1, 5*time.Minute, 0.2)
		run("busy", "app", "id4", 0, 0, 0.5)
		for args, want := range map[string]string{
			"top pod --containers -n default --since 1h": `
POD    NAME   CPU(mean)   CPU(p95)   CPU(max)   MEMORY(mean)   MEMORY(p95)   MEMORY(max)   ENDED    
busy   app    500m        500m       500m       <unknown>      <unknown>     <unknown>     no       
loop   app    300m        300m       300m       <unknown>      <unknown>     <unknown>     9m ago   
loop   app    200m        200m       200m       <unknown>      <unknown>     <unknown>     5m ago   
loop   app    100m        100m       100m       <unknown>      <unknown>     <unknown>     no       
`,
			// By what the pods use, although a container of busy uses most.
			"top pod --containers -n default --since 1h --sort-by cpu --no-headers": `
loop   app   300m   300m   300m   <unknown>   <unknown>   <unknown>   9m ago   
loop   app   200m   200m   200m   <unknown>   <unknown>   <unknown>   5m ago   
loop   app   100m   100m   100m   <unknown>   <unknown>   <unknown>   no       
busy   app   500m   500m   500m   <unknown>   <unknown>   <unknown>   no       
`,
			"top container --since 1h --sort-by network --no-headers": `
default   busy   app   500m   500m   500m   <unknown>   <unknown>   <unknown>   <pod>   <pod>   <pod>   <pod>   <pod>   <pod>   no       
default   loop   app   300m   300m   300m   <unknown>   <unknown>   <unknown>   <pod>   <pod>   <pod>   <pod>   <pod>   <pod>   9m ago   
default   loop   app   200m   200m   200m   <unknown>   <unknown>   <unknown>   <pod>   <pod>   <pod>   <pod>   <pod>   <pod>   5m ago   
default   loop   app   100m   100m   100m   <unknown>   <unknown>   <unknown>   <pod>   <pod>   <pod>   <pod>   <pod>   <pod>   no       
`,
		} {
			stdout, stderr, err := runTop(t, n, strings.Fields(args)...)
			if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), stdout); diff != "" || stderr != "" || err != nil {
				t.Errorf("%s: %q, %v\n-want +got\n%s", args, stderr, err, diff)
			}
		}
		stdout, _, err := runTop(t, n, "top", "container", "--since", "1h", "-o", "wide")
		if lines := strings.Split(stdout, "\n"); err != nil || len(lines) != 6 || !strings.HasSuffix(strings.TrimSpace(lines[0]), "ENDED    RESTARTS   ID") ||
			!strings.HasSuffix(strings.TrimSpace(lines[2]), "9m ago   0          id1") || !strings.HasSuffix(strings.TrimSpace(lines[4]), "no       2          id3") {
			t.Errorf("%v\n%s", err, stdout)
		}
	})
}

// TestTopSinceNothing: why there is nothing.
func TestTopSinceNothing(t *testing.T) {
	t.Parallel()
	n := busyNode()
	n.history.Oldest = time.Now().Add(-time.Hour)
	if stdout, _, err := runTop(t, n, "top", "unit", "zz*", "--since", "10m"); ExitCode(err) != ExitNotFound || !strings.Contains(err.Error(), "no unit matches zz*") || stdout != "" {
		t.Errorf("a pattern that nothing matches: %q, %v", stdout, err)
	}
	if _, stderr, err := runTop(t, n, "top", "pod", "sleeper", "--since", "10m"); err != nil || stderr != "No figures of that time are known.\n" {
		t.Errorf("of a pod: %q, %v", stderr, err)
	}
	n.history = stats.QueryResult{Problems: []string{"nothing is kept: stats.history is 0"}}
	if _, stderr, err := runTop(t, n, "top", "unit", "zz*", "--since", "10m"); err != nil || stderr != "nothing is kept: stats.history is 0\n" {
		t.Errorf("without history: %q, %v", stderr, err)
	}
}

func TestTreeOf(t *testing.T) {
	t.Parallel()
	var rows []topRow
	for _, path := range []string{"user.slice/user-0.slice/a.scope", "system.slice", "a.slice/x.service/b.service", "system.slice-x/y", "system.slice/ssh.service", "a.slice"} {
		rows = append(rows, topRow{Usage: &stats.Usage{Entity: &stats.Entity{Key: stats.Key{Kind: stats.KindUnit, ID: path}}}})
	}
	treeOf(rows)
	var got []string
	for _, r := range rows {
		got = append(got, strings.Repeat(">", r.depth)+r.Entity.Key.ID)
	}
	want := []string{"a.slice", ">a.slice/x.service/b.service", "system.slice", ">system.slice/ssh.service", "system.slice-x/y", "user.slice/user-0.slice/a.scope"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestTopUnread: of what was never read there is no time.
func TestTopUnread(t *testing.T) {
	t.Parallel()
	u := stats.Usage{Entity: &stats.Entity{Key: stats.Key{Kind: stats.KindUnit}, Name: "a.service"}}
	look := &topLook{now: fakeNow, interval: time.Second, rows: []topRow{rowOf(&u)}}
	text, err := json.Marshal(look.items())
	if err != nil || string(text) != `[{"kind":"unit","node":"","name":"a.service"}]` {
		t.Errorf("%s, %v", text, err)
	}
	if age := look.ageText(&look.rows[0]); age != "<unknown>" {
		t.Errorf("age %q", age)
	}
}

func TestPercent(t *testing.T) {
	t.Parallel()
	const pebi = 1 << 50
	for _, tt := range []struct {
		used, capacity amount
		want           string
	}{
		{amountOf(1), amountOf(3), "33%"}, {amountOf(8 * pebi), amountOf(32 * pebi), "25%"}, {amountOf(1 << 30), amountOf(32 * pebi), "0%"}, {amount{}, amountOf(1), "<unknown>"},
		{amountOf(1), amount{}, "<unknown>"},
	} {
		if got := bytesPercent(tt.used, tt.capacity); got != tt.want {
			t.Errorf("%v of %v: %s, want %s", tt.used, tt.capacity, got, tt.want)
		}
	}
	u := figures{swap: 1}.of(stats.Entity{Key: stats.Key{Kind: stats.KindContainer}})
	r := rowOf(&u)
	if got := (&topLook{}).swapPercent(&r); got != "<unknown>" {
		t.Errorf("of swap that is not known: %s", got)
	}
	// The kernel counts periods without a limit, too.
	u.Numbers.Put(metric.CPUPeriods, 0)
	u.Rates.Put(metric.CPUThrottled, 0)
	if got := throttled(&r); got != "<none>" {
		t.Errorf("without a limit: %s", got)
	}
	u.Numbers.Put(metric.CPULimit, 500)
	if got := throttled(&r); got != "0%" {
		t.Errorf("with a limit: %s", got)
	}
}

// TestTopWatchTable: without a terminal there is a table after each look, and each look once, with one call.
func TestTopWatchTable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := busyNode()
		f := &topFlags{kind: stats.KindUnit, format: "table", names: []string{"ssh.service"}}
		twice := func() {
			n.looks <- struct{}{}
			n.looks <- struct{}{}
		}
		table := `NAME          CPU(cores)   MEMORY(bytes)   TASKS   READ(bytes/s)   WRITE(bytes/s)   
ssh.service   0m           5Mi             1       0               0                
`
		if diff := cmp.Diff(table+"\n"+table+"\n"+table, watchTop(t, n, f, twice)); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		if len(n.watched) != 1 || n.watched[0].Interval != time.Second || n.watched[0].Units[0] != "ssh.service" {
			t.Errorf("watched %+v", n.watched)
		}
		f.format = "json"
		out := watchTop(t, n, f, twice)
		if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 3 || !strings.HasPrefix(lines[2], `[{"kind":"unit","node":"node1","name":"ssh.service"`) {
			t.Errorf("-o json: %s", out)
		}
		// What the machine has is known from the first look on.
		f = &topFlags{kind: stats.KindNode, format: "table", noHeaders: true}
		if diff := cmp.Diff(strings.Repeat("\nnode1   1235m   15%   3072Mi   18%   \n", 3)[1:], watchTop(t, n, f, twice)); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

// TestTopWatchTells: what is missing is told once, and anew when that changes; so is that noded is away.
func TestTopWatchTells(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := busyNode()
		look := func(change func()) {
			n.mu.Lock()
			change()
			n.mu.Unlock()
			n.looks <- struct{}{}
			synctest.Wait()
		}
		all := n.usages
		f := &topFlags{kind: stats.KindUnit, format: "table", names: []string{"ssh.service", "zz*"}, noHeaders: true}
		got := watchTop(t, n, f, func() {
			look(func() {})
			look(func() { n.problems = []string{"cgroups \x1b are gone"} })
			look(func() {})
			look(func() { n.usages, n.problems = nil, nil })
			look(func() {})
			n.breaks <- errors.New("connect:\x1b refused")
			look(func() { n.usages = all })
		})
		const row = "ssh.service   0m    5Mi   1     0     0     \n"
		want := row + ">no unit matches zz*\n" + "\n" + row + "\n" + row + ">no unit matches zz*\n>cgroups \\x1b are gone\n" + "\n" + row +
			">units \"ssh.service\" not found\n" +
			">noded went away; waiting up to 30s: connect:\\x1b refused\n>noded is back after 5s\n" + "\n" + row + ">no unit matches zz*\n"
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		f = &topFlags{kind: stats.KindPod, format: "table", namespace: "typo"}
		if got := watchTop(t, n, f, func() { look(func() {}) }); got != ">No pods found in typo namespace on this node.\n" {
			t.Errorf("nothing: %q", got)
		}
	})
}

func TestSizeText(t *testing.T) {
	t.Parallel()
	for v, want := range map[uint64]string{
		0: "0", 1023: "1023", 1024: "1.0Ki", 1536: "1.5Ki", 10 << 10: "10Ki", 10187: "9.9Ki", 10190: "10Ki", 1023 << 10: "1023Ki", 1<<20 - 1: "1.0Mi", 5 << 30: "5.0Gi",
		1<<64 - 1: "16Ei",
	} {
		if got := sizeText(v); got != want {
			t.Errorf("sizeText(%d) = %s, want %s", v, got, want)
		}
	}
}

// TestTopErrors: what pods are not known is an error with the next step.
func TestTopErrors(t *testing.T) {
	t.Parallel()
	n := busyNode()
	n.err = &inventory.NotFoundError{Kind: "pods", Name: "x"}
	const list = "nodectl get pods"
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"top", "pod", "x"}, list},
		{[]string{"top", "container", "x"}, list + ", or --id x if it is a container in no pod"},
		{[]string{"top", "container", "deploy/x"}, list},
		{[]string{"top", "container", "abcdef01"}, "--id abcdef01"},
		{[]string{"top", "pod", "x", "--since", "1m"}, list},
	} {
		if _, _, err := runTop(t, n, tt.args...); hintOf(err) != tt.want {
			t.Errorf("%v: %v with hint %q, want %q", tt.args, err, hintOf(err), tt.want)
		}
	}
	if _, _, err := runTop(t, n, "top", "unit", "x"); hintOf(err) != "nodectl top unit" {
		t.Errorf("unit: %v with hint %q", err, hintOf(err))
	}
}

// TestTopCompletion: what there is on the node is completed, and files never.
func TestTopCompletion(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"top", "node", ""}, "node1\n"},
		{[]string{"top", "node", "node1", ""}, ""},
		{[]string{"describe", "node", "n"}, "node1\n"},
		{[]string{"top", "node", "--sort-by", "c"}, "cpu\nmemory\nnetwork\ndisk\nswap\n"},
		{[]string{"top", "unit", ""}, "kubelet.service\nssh.service\nsystem.slice\n"},
		{[]string{"top", "unit", "ssh.service", "s"}, "system.slice\n"},
		// The name with an escape in it is nothing for a shell.
		{[]string{"top", "container", "--id", ""}, "app\nid-app\nid-proxy\nid-side\nproxy\nside\n"},
		{[]string{"top", "container", "--id", "id-s"}, "id-side\n"},
	} {
		stdout, _, err := runTop(t, busyNode(), append([]string{cobra.ShellCompNoDescRequestCmd}, tt.args...)...)
		if err != nil || stdout != tt.want+":4\n" {
			t.Errorf("%v: %q, %v, want %q", tt.args, stdout, err, tt.want)
		}
	}
	n := busyNode()
	n.err = errors.New("away")
	if stdout, _, err := runTop(t, n, cobra.ShellCompNoDescRequestCmd, "top", "unit", ""); err != nil || stdout != ":4\n" {
		t.Errorf("without noded: %q, %v", stdout, err)
	}
}

func TestTopPodWords(t *testing.T) {
	t.Parallel()
	pods := []inventory.Pod{
		{Name: "web-1", Owner: inventory.Workload{Kind: "deployment", Name: "web"}}, {Name: "db-0", Owner: inventory.Workload{Kind: "statefulset", Name: "db"}},
		{Name: "kube-apiserver-node1", Namespace: "kube-system"},
	}
	for _, tt := range []struct {
		args   []string
		prefix string
		want   []string
	}{
		{nil, "", []string{"db-0", "kube-apiserver-node1", "web-1"}},
		{[]string{"db-0"}, "", []string{"kube-apiserver-node1", "web-1"}},
		{nil, "deployment/", []string{"deployment/web"}},
		{nil, "sts/d", []string{"sts/db"}},
		{[]string{"sts/db"}, "sts/", []string{}},
		{nil, "pod/w", []string{"pod/web-1"}},
	} {
		if diff := cmp.Diff(tt.want, topPodWords(pods, tt.args, tt.prefix)); diff != "" {
			t.Errorf("%q after %q: -want +got\n%s", tt.prefix, tt.args, diff)
		}
	}
}
