// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
	"github.com/noded/noded/test/need"
)

// needTool skips a test without a tool, unless it must run.
func needTool(t *testing.T, tool string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		need.Missing(t, err)
	}
}

// TestPromtool: promtool finds nothing to complain about.
func TestPromtool(t *testing.T) {
	t.Parallel()
	needTool(t, "promtool")
	m := newServer(t, nil)
	for _, path := range []string{PathOwn, PathCadvisor, PathResource} {
		body, _ := get(t, m, path, "")
		cmd := exec.Command("promtool", "check", "metrics")
		cmd.Stdin = strings.NewReader(body)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("promtool check metrics, %s: %v\n%s", path, err, out)
		}
	}
}

// lapse is the time between two figures of a clocked source. A test sees two minutes in some seconds.
const lapse = 10 * time.Second

// clocked is a source of figures that grow at known rates, on a clock that goes when it is told to and ends in the present.
type clocked struct {
	fakeSource
	began time.Time
	step  *atomic.Int64
}

// steps is how many looks there are before it is asked what Prometheus made of them.
const steps = 11

func (c clocked) time(step int) time.Time { return c.began.Add(time.Duration(step-steps-2) * lapse) }

func (c clocked) now() *stats.Snapshot {
	step := int(c.step.Load())
	at := c.time(step)
	s := truth(uint64(step))
	s.Time, s.Node.Time = at, at
	for i := range s.Usages {
		s.Usages[i].Time = at
	}
	return s
}

// The truth: cores and bytes in use, and the share of periods in which a quota was used up.
const (
	appCores, proxyCores, dbCores = 0.3, 0.1, 0.05
	appBytes, proxyBytes, dbBytes = 200 << 20, 30 << 20, 1 << 30
	limitBytes, writableBytes     = 2 << 30, 5 << 20
	tasks                         = 7
	throttledShare                = 0.25
)

func truth(step uint64) *stats.Snapshot {
	seconds := step * uint64(lapse/time.Second)
	use := func(cores float64, bytes uint64) metric.Set {
		n := full(seconds)
		n.Put(metric.CPUUsage, 1e15+uint64(cores*1e9)*seconds)
		n.Put(metric.MemoryWorkingSet, bytes)
		n.Put(metric.CPUPeriods, 1000+10*seconds)
		n.Put(metric.CPUThrottledPeriods, 100+uint64(10*throttledShare*2)*seconds/2)
		// Those that a busy Prometheus may have of an earlier step stay the same.
		n.Put(metric.MemoryLimit, limitBytes)
		n.Put(metric.FilesystemWritableBytes, writableBytes)
		n.Put(metric.Processes, tasks)
		return n
	}
	// The network is of the pod, all containers have it in common.
	useOfContainer := func(cores float64, bytes uint64) metric.Set {
		all := use(cores, bytes)
		var n metric.Set
		for id := range metric.Count {
			if v, ok := all.Get(id); ok && !strings.HasPrefix(id.String(), "network_") {
				n.Put(id, v)
			}
		}
		return n
	}
	started := time.Now().Add(-time.Hour)
	// The sandbox is in the pod but in no container.
	web, db := pod("shop", "web-0", "uid-web", started, use(appCores+proxyCores+0.02, appBytes+proxyBytes+1<<20)), pod("shop", "db-0", "uid-db", started, use(dbCores, dbBytes))
	return &stats.Snapshot{
		Sequence: step, Interval: lapse,
		Node: stats.Usage{Entity: &stats.Entity{Key: stats.Key{Kind: stats.KindNode}, Cgroup: "/"}, Numbers: use(1.5, 4<<30)},
		Usages: []stats.Usage{
			db, container(&db, "postgres", "c3", 0, started, useOfContainer(dbCores, dbBytes)),
			web, container(&web, "app", "c1", 0, started, useOfContainer(appCores, appBytes)), container(&web, "proxy", "c2", 0, started, useOfContainer(proxyCores, proxyBytes)),
			unit("system.slice", use(0.5, 1<<30)), unit("system.slice/kubelet.service", use(0.125, 64<<20)),
		},
	}
}

// prometheusServer is a running Prometheus.
type prometheusServer struct {
	url string
	// log is the file that it logs to.
	log string
}

// startPrometheus scrapes all paths of a server over TLS, with a client certificate.
func startPrometheus(t *testing.T, address string, ca *authority) *prometheusServer {
	t.Helper()
	cert, key := ca.issue("prometheus", x509.ExtKeyUsageClientAuth)
	text := "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n"
	// The other one is a kubelet on the same node.
	for job, path := range map[string]string{"noded": PathOwn, "kubelet-cadvisor": PathCadvisor, "kubelet-resource": PathResource, "other": PathCadvisor} {
		text += fmt.Sprintf("- job_name: %s\n  metrics_path: %s\n  scheme: https\n  tls_config: {ca_file: %s, cert_file: %s, key_file: %s}\n  static_configs: [{targets: ['%s']}]\n",
			job, path, ca.file, cert, key, address)
	}
	directory := t.TempDir()
	file := filepath.Join(directory, "prometheus.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		p, taken := startPrometheusAt(t, directory, file)
		if !taken {
			return p
		}
	}
	t.Fatal("every port is taken")
	return nil
}

// startPrometheusAt starts a Prometheus on a port that was free, and waits until it is ready. taken: another program was faster.
func startPrometheusAt(t *testing.T, directory, file string) (p *prometheusServer, taken bool) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listen := l.Addr().String()
	_ = l.Close()
	p = &prometheusServer{url: "http://" + listen, log: filepath.Join(directory, "log")}
	log, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("prometheus", "--config.file="+file, "--storage.tsdb.path="+filepath.Join(directory, "data"), "--web.listen-address="+listen, "--log.level=warn")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		<-ended
		_ = log.Close()
	})
	for {
		response, err := client(nil).Get(p.url + "/-/ready")
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return p, false
			}
		}
		select {
		case <-ended:
			text, _ := os.ReadFile(p.log)
			if !strings.Contains(string(text), "address already in use") {
				t.Fatalf("prometheus ended:\n%s", text)
			}
			return nil, true
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// ask asks the API for data.
func (p *prometheusServer) ask(path string, values url.Values, data any) error {
	response, err := client(nil).Get(p.url + "/api/v1/" + path + "?" + values.Encode())
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", response.Status, answer.Error)
	}
	return json.Unmarshal(answer.Data, data)
}

// sample is an element of a vector.
type sample struct {
	Metric map[string]string
	Value  [2]any
}

// query evaluates an expression at a time. Keys of the answer are the values of labels.
func (p *prometheusServer) query(expression string, at time.Time, labels ...string) (map[string]float64, error) {
	var data struct {
		ResultType string
		Result     []sample
	}
	values := url.Values{"query": {expression}, "time": {strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64)}}
	if err := p.ask("query", values, &data); err != nil {
		return nil, fmt.Errorf("%s: %w", expression, err)
	}
	out := make(map[string]float64, len(data.Result))
	for _, s := range data.Result {
		var key []string
		for _, l := range labels {
			key = append(key, s.Metric[l])
		}
		text, _ := s.Value[1].(string)
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %q: %w", expression, text, err)
		}
		out[strings.Join(key, "/")] = v
	}
	return out, nil
}

// TestPrometheus: Debian's Prometheus scrapes all paths, and evaluates what dashboards ask for.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	needTool(t, "prometheus")
	ca := newAuthority(t, "ours")
	source := clocked{fakeSource: fixtureSource(), began: time.Now(), step: new(atomic.Int64)}
	source.snapshot = source.now
	address := start(t, newServer(t, func(c *Config) {
		c.Source, c.WebConfigFile = source, ca.webConfig(ca.mutual())
	}))
	p := startPrometheus(t, address, ca)
	at := source.time(steps)
	// Each step, and one after the last, is seen by all jobs.
	for step := range steps + 2 {
		source.step.Store(int64(step))
		p.awaitStep(t, source.time(step))
	}
	t.Run("expressions", func(t *testing.T) { testExpressions(t, p, at) })
	t.Run("metadata", func(t *testing.T) { testMetadata(t, p) })
	t.Run("dashboard", func(t *testing.T) { testDashboard(t, p, at) })
	eventually(t, func() string {
		var up struct {
			ActiveTargets []struct{ Health, LastError, ScrapeURL string }
		}
		if err := p.ask("targets", nil, &up); err != nil {
			return err.Error()
		}
		for _, target := range up.ActiveTargets {
			if target.Health != "up" {
				return fmt.Sprintf("%s: %s %s", target.ScrapeURL, target.Health, target.LastError)
			}
		}
		return ""
	})
	// It warns of samples that it drops.
	log, err := os.ReadFile(p.log)
	if err != nil {
		t.Fatal(err)
	}
	if len(log) > 0 || t.Failed() {
		t.Errorf("prometheus logged: %s", log)
	}
}

// awaitStep waits until all jobs with figures of a clocked source have those of a time.
func (p *prometheusServer) awaitStep(t *testing.T, at time.Time) {
	t.Helper()
	const jobs = 3
	expression := fmt.Sprintf(`count(count by (job) (timestamp(container_cpu_usage_seconds_total{job=~"kubelet.*|other"}) > %d))`, at.Add(-lapse/2).Unix())
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		seen, err := p.query(expression, time.Now())
		if err == nil && seen[""] == jobs {
			return
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(p.log)
			t.Fatalf("prometheus has no figures of %v: %v, %v\n%s", at, seen, err, log)
		}
	}
}

// eventually wants check to find nothing. After a scrape that took too long, as on a busy machine, there are no samples for a while that are
// without times.
func eventually(t *testing.T, check func() (problem string)) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		problem := check()
		if problem == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Error(problem)
			return
		}
	}
}

func testExpressions(t *testing.T, p *prometheusServer, at time.Time) {
	t.Helper()
	for _, test := range []struct {
		expression string
		labels     []string
		want       map[string]float64
	}{
		{`sum(rate(container_cpu_usage_seconds_total{job!="other",container!=""}[1m])) by (pod)`, []string{"pod"}, nil},
		{`sum by (pod) (rate(container_cpu_usage_seconds_total{job="kubelet-cadvisor",container!=""}[1m]))`, []string{"pod"},
			map[string]float64{"web-0": appCores + proxyCores, "db-0": dbCores}},
		{`sum by (namespace, pod, container) (irate(container_cpu_usage_seconds_total{job="kubelet-cadvisor",image!=""}[5m]))`, []string{"namespace", "pod", "container"},
			map[string]float64{"shop/web-0/app": appCores, "shop/web-0/proxy": proxyCores, "shop/db-0/postgres": dbCores}},
		{`container_memory_working_set_bytes{job="kubelet-cadvisor",container!="",image!=""}`, []string{"pod", "container"},
			map[string]float64{"web-0/app": appBytes, "web-0/proxy": proxyBytes, "db-0/postgres": dbBytes}},
		{`sum(container_memory_working_set_bytes{job="kubelet-cadvisor",container!=""}) by (pod)`, []string{"pod"},
			map[string]float64{"web-0": appBytes + proxyBytes, "db-0": dbBytes}},
		{`sum(increase(container_cpu_cfs_throttled_periods_total{container!=""}[1m])) by (container, pod, namespace) / sum(increase(container_cpu_cfs_periods_total{}[1m])) by (container, pod, namespace)`,
			[]string{"namespace", "pod", "container"}, map[string]float64{"shop/web-0/app": throttledShare, "shop/web-0/proxy": throttledShare, "shop/db-0/postgres": throttledShare}},
		{`rate(container_cpu_usage_seconds_total{job="kubelet-resource"}[1m])`, []string{"pod", "container"},
			map[string]float64{"web-0/app": appCores, "web-0/proxy": proxyCores, "db-0/postgres": dbCores}},
		{`rate(pod_cpu_usage_seconds_total[1m])`, []string{"pod"}, map[string]float64{"web-0": appCores + proxyCores + 0.02, "db-0": dbCores}},
		{`rate(node_cpu_usage_seconds_total[1m])`, nil, map[string]float64{"": 1.5}},
		{`sum(rate(container_cpu_usage_seconds_total{job="kubelet-cadvisor",id="/"}[1m]))`, nil, map[string]float64{"": 1.5}},
		{`rate(noded_unit_cpu_usage_seconds_total{unit="kubelet.service"}[1m])`, []string{"slice", "unit"}, map[string]float64{"system.slice/kubelet.service": 0.125}},
		{`rate(container_cpu_usage_seconds_total{job="kubelet-cadvisor",id="/system.slice/kubelet.service"}[1m])`, []string{"id"}, map[string]float64{"/system.slice/kubelet.service": 0.125}},
	} {
		got, err := p.query(test.expression, at, test.labels...)
		if err != nil {
			t.Error(err)
			continue
		}
		if test.want == nil {
			// Both paths of the kubelet have containers: as with a kubelet, the job tells which is meant.
			test.want = map[string]float64{"web-0": 2 * (appCores + proxyCores), "db-0": 2 * dbCores}
		}
		if diff := cmp.Diff(test.want, got, near); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.expression, diff)
		}
	}
}

// testMetadata: what kube-prometheus' dashboards and rules use of cAdvisor has the type that it has there, and the labels.
func testMetadata(t *testing.T, p *prometheusServer) {
	t.Helper()
	var metadata map[string][]struct{ Type string }
	if err := p.ask("metadata", nil, &metadata); err != nil {
		t.Fatal(err)
	}
	// OpenMetrics calls counters by their name without _total, and so does Prometheus in what it tells of it.
	for name, extra := range map[string]string{
		"counter container_cpu_usage_seconds": "cpu", "counter container_cpu_cfs_periods": "", "counter container_cpu_cfs_throttled_periods": "",
		"gauge container_memory_working_set_bytes": "", "gauge container_memory_rss": "", "gauge container_memory_cache": "", "gauge container_memory_swap": "",
		"gauge container_memory_usage_bytes": "", "counter container_network_receive_bytes": "interface", "counter container_network_transmit_bytes": "interface",
		"counter container_network_receive_packets": "interface", "counter container_network_transmit_packets": "interface",
		"counter container_network_receive_packets_dropped": "interface", "counter container_network_transmit_packets_dropped": "interface",
		"counter container_fs_reads": "device", "counter container_fs_writes": "device", "counter container_fs_reads_bytes": "device", "counter container_fs_writes_bytes": "device",
		"gauge container_start_time_seconds": "", "gauge container_last_seen": "", "gauge container_spec_memory_limit_bytes": "", "gauge machine_memory_bytes": "", "gauge machine_cpu_cores": "",
	} {
		kind, family, _ := strings.Cut(name, " ")
		if got := metadata[family]; len(got) == 0 || got[0].Type != kind {
			t.Errorf("%s: %v, want %s", family, got, kind)
		}
		series := family
		if kind == "counter" {
			series += "_total"
		}
		labels := "id"
		if strings.HasPrefix(family, "machine_") {
			labels = "instance"
		}
		selector := fmt.Sprintf(`count(%s{%s!="",job="kubelet-cadvisor"`, series, labels)
		if extra != "" {
			selector += "," + extra + `!=""`
		}
		eventually(t, func() string {
			if got, err := p.query(selector+"})", time.Now()); err != nil || got[""] == 0 {
				return fmt.Sprintf("%s: %v, %v", selector, got, err)
			}
			return ""
		})
	}
}

// near is for what Prometheus works out of differences.
var near = cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 0.001*math.Abs(b) })

// perSecond is by how much a number grows in a second of full.
func perSecond(id metric.ID) float64 {
	if id.Info().Unit == metric.UnitNanoseconds {
		return float64(id+1) * 1_000_001 / 1e9
	}
	return float64(id + 1)
}

// shown is what a query of a panel has for an answer.
type shown struct {
	labels []string
	// now: it has series without times.
	now  bool
	want map[string]float64
}

// dashboardTruth is what panels show, by title and number of the query.
func dashboardTruth() map[string]shown {
	node := func(v float64) shown { return shown{want: map[string]float64{"": v}} }
	nodeNow := func(v float64) shown { return shown{now: true, want: map[string]float64{"": v}} }
	pods := func(web, db float64) shown {
		return shown{labels: []string{"namespace", "pod"}, want: map[string]float64{"shop/web-0": web, "shop/db-0": db}}
	}
	containers := func(app, proxy, postgres float64) shown {
		return shown{labels: []string{"pod", "container"}, want: map[string]float64{"web-0/app": app, "web-0/proxy": proxy, "db-0/postgres": postgres}}
	}
	unit := func(v float64) shown {
		return shown{labels: []string{"unit"}, want: map[string]float64{"kubelet.service": v}}
	}
	disks := perSecond(metric.IOReadBytes) + perSecond(metric.IOWriteBytes)
	limits := containers(float64(appBytes)/limitBytes, float64(proxyBytes)/limitBytes, float64(dbBytes)/limitBytes)
	limits.now = true
	return map[string]shown{
		"CPU 0": node(1.5), "CPU 1": nodeNow(4), "Memory 0": node(4 << 30), "Memory 1": nodeNow(8 << 30),
		"Network 0": node(perSecond(metric.NetworkReceiveBytes)), "Network 1": node(perSecond(metric.NetworkTransmitBytes)),
		"Disks 0": node(perSecond(metric.IOReadBytes)), "Disks 1": node(perSecond(metric.IOWriteBytes)),
		"Pressure 0": node(perSecond(metric.PressureCPUSome)), "Pressure 1": node(perSecond(metric.PressureMemorySome)), "Pressure 2": node(perSecond(metric.PressureIOSome)),
		"Filesystems 0":          {labels: []string{"device"}, want: map[string]float64{"/dev/vda1": 0.4, `pool/"data"`: 1.0 / 1024}},
		"CPU of pods 0":          pods(appCores+proxyCores, dbCores),
		"Memory of pods 0":       pods(appBytes+proxyBytes, dbBytes),
		"Throttled containers 0": containers(throttledShare, throttledShare, throttledShare),
		"Memory of its limit 0":  limits,
		"Network of pods 0":      pods(perSecond(metric.NetworkReceiveBytes), perSecond(metric.NetworkReceiveBytes)),
		"Network of pods 1":      pods(perSecond(metric.NetworkTransmitBytes), perSecond(metric.NetworkTransmitBytes)),
		"Disks of pods 0":        pods(2*disks, disks),
		"Writable layers 0":      pods(2*writableBytes, writableBytes),
		"CPU of units 0":         unit(0.125),
		"Memory of units 0":      unit(64 << 20),
		"Disks of units 0":       unit(disks),
		"Tasks of units 0":       unit(tasks),
		"Version 0":              nodeNow(1),
		"Known only in part 0":   nodeNow(0),
		"Open streams 0":         nodeNow(3),
	}
}

// testDashboard: each expression of the dashboard has the right answer, although another job has the same series.
func testDashboard(t *testing.T, p *prometheusServer, at time.Time) {
	t.Helper()
	data, err := os.ReadFile("../../packaging/grafana/noded.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
		Templating struct {
			List []struct{ Name, Type, Definition string }
		}
	}
	if err := json.Unmarshal(data, &dashboard); err != nil {
		t.Fatal(err)
	}
	variables := strings.NewReplacer("$__rate_interval", "1m", "$__range", "1h", "$instance", ".*", "$namespace", ".*", "$job", "kubelet-cadvisor")
	expressions, truth := 0, dashboardTruth()
	// A nil want is anything.
	ask := func(title, expression string, want shown) {
		expressions++
		expression = variables.Replace(expression)
		if strings.Contains(expression, "$") {
			t.Errorf("%s: %s has a variable that there is not", title, expression)
		}
		eventually(t, func() string {
			when := at
			if want.now {
				when = time.Now()
			}
			got, err := p.query(expression, when, want.labels...)
			if err != nil || len(got) == 0 {
				return fmt.Sprintf("%s: %s: %v, %v", title, expression, got, err)
			}
			if diff := cmp.Diff(want.want, got, near); want.want != nil && diff != "" {
				return fmt.Sprintf("%s: %s (-want +got):\n%s", title, expression, diff)
			}
			return ""
		})
	}
	for _, panel := range dashboard.Panels {
		for i, target := range panel.Targets {
			title := fmt.Sprint(panel.Title, " ", i)
			want, known := truth[title]
			delete(truth, title)
			if !known {
				want.now = true
			}
			ask(title, target.Expr, want)
		}
	}
	for title := range truth {
		t.Errorf("there is no panel %s", title)
	}
	values := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)
	for _, v := range dashboard.Templating.List {
		if v.Type != "query" {
			continue
		}
		m := values.FindStringSubmatch(v.Definition)
		if m == nil {
			t.Errorf("variable %s: %q", v.Name, v.Definition)
			continue
		}
		ask(v.Name, fmt.Sprintf(`count by (%s) (%s)`, m[2], m[1]), shown{now: true})
	}
	if expressions < 30 {
		t.Errorf("%d expressions", expressions)
	}
}
