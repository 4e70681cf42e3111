// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// parse reads an exposition with the parser of Prometheus' libraries.
func parse(t testing.TB, text string) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return families
}

// parseOpen reads an exposition by the grammar of OpenMetrics.
func parseOpen(t testing.TB, text string) map[string]*dto.MetricFamily {
	t.Helper()
	families := map[string]*dto.MetricFamily{}
	for decoder := expfmt.NewDecoder(strings.NewReader(text), expfmt.FmtOpenMetrics_1_0_0); ; {
		var f dto.MetricFamily
		err := decoder.Decode(&f)
		if errors.Is(err, io.EOF) {
			return families
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if families[f.GetName()] != nil {
			t.Fatalf("%s comes twice", f.GetName())
		}
		families[f.GetName()] = &f
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	m := newServer(t, nil)
	for _, test := range []struct{ name, path, accept string }{
		{"resource.txt", PathResource, ""},
		{"resource.om.txt", PathResource, openAccept},
		{"cadvisor.txt", PathCadvisor, "*/*"},
		{"cadvisor.om.txt", PathCadvisor, openAccept},
		{"own.txt", PathOwn, ""},
		{"own.om.txt", PathOwn, openAccept},
	} {
		// One after the other: /metrics counts scrapes.
		body, contentType := get(t, m, test.path, test.accept)
		want := "text/plain; version=0.0.4; charset=utf-8"
		if test.accept == openAccept {
			want = "application/openmetrics-text; version=1.0.0; charset=utf-8"
			if !strings.HasSuffix(body, "\n# EOF\n") || strings.Count(body, "# EOF") != 1 {
				t.Errorf("%s ends with %q", test.name, body[max(0, len(body)-20):])
			}
			// The parser is slow: what is of one container has all families.
			parseOpen(t, regexp.MustCompile(`(?m)^.*id="(/system|/docker|/kubepods.*name="[^a]).*\n`).ReplaceAllString(body, ""))
		} else {
			parse(t, body)
		}
		if contentType != want {
			t.Errorf("%s: content type %q, want %q", test.name, contentType, want)
		}
		if test.path == PathOwn {
			body = withoutProcess(body)
		}
		golden(t, test.name, body)
	}
}

// withoutProcess takes out what is another time at each run.
func withoutProcess(body string) string {
	body = regexp.MustCompile(`(?m)^(# (HELP|TYPE|UNIT) )?(go|process)_.*\n`).ReplaceAllString(body, "")
	body = regexp.MustCompile(`(duration_seconds_total\{[^}]*\}) .*`).ReplaceAllString(body, "$1 0.5")
	return regexp.MustCompile(`goversion="[^"]*"`).ReplaceAllString(body, `goversion="V"`)
}

// TestSecretsAreNotServed: labels that are not on the list are nowhere.
func TestSecretsAreNotServed(t *testing.T) {
	t.Parallel()
	m := newServer(t, nil)
	for _, path := range []string{PathOwn, PathCadvisor, PathResource} {
		if body, _ := get(t, m, path, ""); strings.Contains(body, "canary") {
			t.Errorf("%s has a label that nobody asked for", path)
		}
	}
	none := newServer(t, func(c *Config) { c.PodLabels = nil })
	if body, _ := get(t, none, PathOwn, ""); strings.Contains(body, "kube_pod_labels") {
		t.Error("kube_pod_labels without a list")
	}
}

// TestSourceFails: the scrape is answered all the same, and says so, as the kubelet's are.
func TestSourceFails(t *testing.T) {
	t.Parallel()
	m := newServer(t, func(c *Config) { c.Source = fakeSource{} })
	for path, want := range map[string][]string{
		PathResource: {"resource_scrape_error 1\n"},
		PathCadvisor: {"container_scrape_error 1\n", "machine_scrape_error 1\n"},
		PathOwn:      {"noded_stats_error 1\n", "noded_open_streams 3\n"},
	} {
		body, _ := get(t, m, path, "")
		parse(t, body)
		for _, line := range want {
			if !strings.Contains(body, line) {
				t.Errorf("%s lacks %q:\n%s", path, line, body)
			}
		}
	}
}

// TestSwapLimit: with cgroups of version 1 cAdvisor tells of memory and swap together, the kubelet of swap alone.
func TestSwapLimit(t *testing.T) {
	t.Parallel()
	const name = "container_spec_memory_swap_limit_bytes"
	app := full(2)
	limit, swap := app.Value(metric.MemoryLimit), app.Value(metric.MemorySwapLimit)
	for version, want := range map[int]uint64{0: swap, 1: limit + swap, 2: swap} {
		source := fixtureSource()
		source.machine = func() stats.Machine { return stats.Machine{CPUs: 4, CgroupVersion: version} }
		m := newServer(t, func(c *Config) { c.Source = source })
		body, _ := get(t, m, PathCadvisor, "")
		if line := fmt.Sprintf(`namespace="default",pod="web-0"} %d`+"\n", want); !hasLine(body, name+`{container="app"`, line) {
			t.Errorf("version %d: no %s of %d", version, name, want)
		}
		// No limit is 0, also together with one of memory.
		if !hasLine(body, name+`{container=""`, `pod="etcd"} 0`+"\n") {
			t.Errorf("version %d: no %s of 0", version, name)
		}
		body, _ = get(t, m, PathResource, "")
		if line := fmt.Sprintf(" %d %d\n", swap, base.UnixMilli()+1); !hasLine(body, `container_swap_limit_bytes{container="app"`, line) {
			t.Errorf("version %d: no container_swap_limit_bytes of %d", version, swap)
		}
	}
}

// hasLine reports whether a text has a line that begins and ends so.
func hasLine(text, begin, end string) bool {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, begin) && strings.HasSuffix(line, end) {
			return true
		}
	}
	return false
}

// TestEmptySnapshot: nothing is known yet, not even of the node.
func TestEmptySnapshot(t *testing.T) {
	t.Parallel()
	m := newServer(t, func(c *Config) {
		c.Source = fakeSource{snapshot: func() *stats.Snapshot { return new(stats.Snapshot) }, filesystems: fixtureSource().filesystems}
	})
	for _, path := range []string{PathOwn, PathCadvisor, PathResource} {
		for _, accept := range []string{"", openAccept} {
			body, _ := get(t, m, path, accept)
			if accept == "" {
				parse(t, body)
			} else {
				parseOpen(t, body)
			}
			for line := range strings.Lines(body) {
				if strings.HasPrefix(line, "container_") && !strings.HasPrefix(line, "container_scrape_error 0") || strings.HasPrefix(line, "pod_") || strings.HasPrefix(line, "node_") {
					t.Errorf("%s says of nothing: %s", path, line)
				}
			}
			if want := map[string]string{PathOwn: "noded_stats_error 0\n", PathCadvisor: "container_scrape_error 0\n", PathResource: "resource_scrape_error 0\n"}[path]; !strings.Contains(body, want) {
				t.Errorf("%s lacks %q", path, want)
			}
		}
	}
}

// TestSeriesAreUnique: whatever pods, containers and units are called, no series comes twice and no family either.
func TestSeriesAreUnique(t *testing.T) {
	t.Parallel()
	s := fixture()
	s.Usages = append(s.Usages, s.Usages...)
	for i := range s.Usages {
		e := *s.Usages[i].Entity
		e.Key.Generation = uint64(i)
		// The same when it is cut, but not before.
		e.Name += strings.Repeat("n", maxLabelBytes) + string(rune('a'+i%20))
		u := s.Usages[i]
		u.Entity = &e
		s.Usages = append(s.Usages, u)
	}
	m := newServer(t, func(c *Config) {
		c.Source = fakeSource{snapshot: func() *stats.Snapshot { return s }, filesystems: fixtureSource().filesystems}
	})
	for _, path := range []string{PathOwn, PathCadvisor, PathResource} {
		body, _ := get(t, m, path, "")
		parse(t, body)
		seen, families := map[string]bool{}, map[string]bool{}
		for line := range strings.SplitSeq(body, "\n") {
			name, isType := strings.CutPrefix(line, "# TYPE ")
			series, _, _ := strings.Cut(line, "} ")
			switch {
			case isType && families[name]:
				t.Errorf("%s: %s comes twice", path, name)
			case isType:
				families[name] = true
			case strings.HasPrefix(line, "#") || !strings.Contains(line, "{"):
			case seen[series]:
				t.Errorf("%s: %s comes twice", path, series)
			}
			seen[series] = true
		}
	}
}

// TestNameless: names that are not known are in no series.
func TestNameless(t *testing.T) {
	t.Parallel()
	m := newServer(t, nil)
	for _, path := range []string{PathOwn, PathCadvisor, PathResource} {
		body, _ := get(t, m, path, "")
		for _, name := range []string{`="44444444-unknown"`, `="3fa9c0ffee00`, `="5fa9c0ffee00`} {
			if strings.Contains(body, name) {
				t.Errorf("%s has %s", path, name)
			}
		}
		for line := range strings.Lines(body) {
			if strings.Contains(line, `id="/"`) && !strings.Contains(line, `pod=""`) {
				t.Errorf("%s: a pod is said to be the node: %s", path, line)
			}
		}
	}
}

// TestNewestWins: of a restarted container and of a pod that was made again the newest is told.
func TestNewestWins(t *testing.T) {
	t.Parallel()
	body, _ := get(t, newServer(t, nil), PathResource, "")
	families := parse(t, body)
	got := map[string]float64{}
	for _, s := range families["container_cpu_usage_seconds_total"].GetMetric() {
		var names []string
		for _, l := range s.GetLabel() {
			names = append(names, l.GetValue())
		}
		got[strings.Join(names, " ")] = s.GetCounter().GetValue()
	}
	numbers := full(2)
	want := map[string]float64{"app default web-0": float64(numbers.Value(metric.CPUUsage)) / 1e9, "etcd kube-system etcd": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
	for _, s := range families["pod_cpu_usage_seconds_total"].GetMetric() {
		if s.GetLabel()[1].GetValue() == "etcd" && s.GetCounter().GetValue() != 1.5 {
			t.Errorf("the pod that was made again has %v s", s.GetCounter().GetValue())
		}
	}
}

func TestBounded(t *testing.T) {
	t.Parallel()
	s := &stats.Snapshot{Node: fixture().Node}
	for i := range maxRows + 100 {
		u := unit("system.slice/u.service", numbers(uint64(metric.CPUUsage), uint64(i)))
		u.Entity.Cgroup = "/" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + "/" + time.Duration(i).String()
		s.Usages = append(s.Usages, u)
	}
	r := cadvisorRows(s, nil)
	if len(r.list) != maxRows || r.leftOut != 101 {
		t.Errorf("%d rows, %d left out", len(r.list), r.leftOut)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for v, want := range map[uint64]string{
		0: "0", 1: "0.000000001", 1_000_000_000: "1", 1_500_000_000: "1.5", 10_000_000_001: "10.000000001", 1_000_000: "0.001",
		math.MaxUint64: "18446744073.709551615",
	} {
		if got := string(appendDecimal(nil, v, 9)); got != want {
			t.Errorf("appendDecimal(%d) = %s, want %s", v, got, want)
		}
	}
	var b bytes.Buffer
	e := &exposition{out: &b, open: true}
	for _, v := range []float64{0, 1.5, 1e21, math.Inf(1), math.Inf(-1), math.NaN()} {
		e.family("a", "b", gauge)
		e.sample("", "")
		e.float(v, 1_700_000_000_050)
	}
	e.flush()
	for _, want := range []string{"a 0 1700000000.05\n", "a 1.5 ", "a 1e+21 ", "a +Inf ", "a -Inf ", "a NaN "} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in %q", want, b.String())
		}
	}
}

// FuzzLabel: whatever a value holds, the parser of Prometheus reads it as the same text, made valid and cut, and nothing else.
func FuzzLabel(f *testing.F) {
	for _, seed := range []string{"", "a", `a"b\c` + "\n", "\xff\xfe", "\x00", "ä\u2028", strings.Repeat("é", maxLabelBytes), "}\n# HELP x y", "\r\t\x7f", "\ufffd", "a\xe2\x82"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		text := "a{" + string(appendLabel(appendLabel(nil, 0, "x", value), 0, "y", "z")) + "} 1\n"
		families := parse(t, text)
		labels := families["a"].GetMetric()[0].GetLabel()
		if len(families) != 1 || len(families["a"].GetMetric()) != 1 || len(labels) != 2 || labels[1].GetValue() != "z" {
			t.Fatalf("%q is read as %v", text, families)
		}
		want := value
		if len(want) > maxLabelBytes {
			want = cut(want)
			if len(want) < maxLabelBytes-3 {
				t.Errorf("cut to %d bytes", len(want))
			}
		}
		want = strings.ReplaceAll(string([]rune(want)), "\x00", "\ufffd")
		if got := labels[0].GetValue(); got != want {
			t.Errorf("%q is read as %q", value, got)
		}
	})
}

func TestGzip(t *testing.T) {
	t.Parallel()
	m := newServer(t, nil)
	plain, _ := get(t, m, PathCadvisor, "")
	// Twice: the second uses the buffers of the first.
	for range 2 {
		r := httptest.NewRequest(http.MethodGet, PathCadvisor, nil)
		r.Header.Set("Accept-Encoding", "deflate, gzip;q=0.5")
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, r)
		if got := w.Header().Get("Content-Encoding"); got != "gzip" {
			t.Fatalf("content encoding %q", got)
		}
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(z)
		if err != nil || string(data) != plain {
			t.Errorf("%d bytes, %v; want the same %d as without", len(data), err, len(plain))
		}
	}
	for value, want := range map[string]bool{"": false, "identity": false, "gzip": true, "gzip;q=0": false, "gzip; q=0.0": false, "br, gzip;q=1.0": true, "gzip;q=0.1": true, "xgzip": false} {
		if got := acceptsGzip(http.Header{"Accept-Encoding": {value}}); got != want {
			t.Errorf("acceptsGzip(%q) = %v", value, got)
		}
	}
}

func TestOtherRequests(t *testing.T) {
	t.Parallel()
	m := newServer(t, nil)
	for _, test := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/", 200}, {http.MethodHead, PathOwn, 200}, {http.MethodPost, PathOwn, 405}, {http.MethodGet, "/metrics/x", 404},
		{http.MethodGet, "/metrics/", 404}, {http.MethodGet, "/debug/pprof/", 404}, {http.MethodDelete, "/", 405},
	} {
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequest(test.method, test.path, nil))
		if w.Code != test.want {
			t.Errorf("%s %s: %d, want %d", test.method, test.path, w.Code, test.want)
		}
	}
}

// TestKubeletNames: what the path that is the kubelet's own has is called as in its pkg/kubelet/metrics/collectors/resource_metrics.go.
func TestKubeletNames(t *testing.T) {
	t.Parallel()
	body, _ := get(t, newServer(t, nil), PathResource, "")
	families := parse(t, body)
	var got []string
	for name, f := range families {
		labels := map[string]bool{}
		for _, s := range f.GetMetric() {
			var names []string
			for _, l := range s.GetLabel() {
				names = append(names, l.GetName())
			}
			labels[strings.Join(names, ",")+" timed="+map[bool]string{true: "yes", false: "no"}[s.TimestampMs != nil]] = true
		}
		for l := range labels {
			got = append(got, strings.ToLower(f.GetType().String())+" "+name+" "+l)
		}
	}
	slices.Sort(got)
	want := []string{
		"counter container_cpu_usage_seconds_total container,namespace,pod timed=yes",
		"counter node_cpu_usage_seconds_total  timed=yes",
		"counter pod_cpu_usage_seconds_total namespace,pod timed=yes",
		"gauge container_memory_working_set_bytes container,namespace,pod timed=yes",
		"gauge container_start_time_seconds container,namespace,pod timed=no",
		"gauge container_swap_limit_bytes container,namespace,pod timed=yes",
		"gauge container_swap_usage_bytes container,namespace,pod timed=yes",
		"gauge node_memory_working_set_bytes  timed=yes",
		"gauge node_swap_usage_bytes  timed=yes",
		"gauge pod_memory_working_set_bytes namespace,pod timed=yes",
		"gauge pod_swap_usage_bytes namespace,pod timed=yes",
		"gauge resource_scrape_error  timed=no",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

func BenchmarkScrape(b *testing.B) {
	s := large(110, 100)
	m := newServer(b, func(c *Config) {
		source := fixtureSource()
		source.snapshot = func() *stats.Snapshot { return s }
		c.Source = source
	})
	for _, path := range []string{PathResource, PathCadvisor, PathOwn} {
		for _, encoding := range []string{"identity", "gzip"} {
			b.Run(strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", "-")+"/"+encoding, func(b *testing.B) {
				handler := m.Handler()
				r := httptest.NewRequest(http.MethodGet, path, nil)
				r.Header.Set("Accept-Encoding", encoding)
				w := &discard{header: http.Header{}}
				handler.ServeHTTP(w, r)
				size := w.n
				b.ReportAllocs()
				for b.Loop() {
					handler.ServeHTTP(w, r)
				}
				b.ReportMetric(float64(size), "bytes/scrape")
			})
		}
	}
}

// discard is an http.ResponseWriter that counts.
type discard struct {
	header http.Header
	n      int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(p []byte) (int, error) { d.n += len(p); return len(p), nil }
