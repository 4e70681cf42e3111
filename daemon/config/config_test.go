// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "noded.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func flagSet(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	flags := pflag.NewFlagSet("noded", pflag.ContinueOnError)
	AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return flags
}

func defaults(t *testing.T) Config {
	t.Helper()
	loaded, err := Load(Sources{})
	if err != nil {
		t.Fatal(err)
	}
	return loaded.Config
}

func TestDefault(t *testing.T) {
	t.Parallel()
	c := defaults(t)
	want := Config{
		Server:  Server{Socket: "/run/noded/noded.sock", SocketMode: 0o660, SocketGroup: "noded", ReaderGroup: "noded", Reflection: true},
		Journal: Journal{Engine: "auto"},
		Logs:    Logs{PodsDirectory: "/var/log/pods", DockerDirectory: "/var/lib/docker/containers"},
		Runtime: Runtime{DockerSocket: "/run/docker.sock"},
		Stats:   Stats{Interval: 10 * time.Second, History: 15 * time.Minute, HistoryBytes: 16 << 20, CgroupRoot: "/sys/fs/cgroup"},
		State:   State{Directory: "/var/lib/noded"},
		Log:     Log{Level: slog.LevelInfo, Format: "auto"},
		Limits: Limits{
			MaxConnections: 512, MaxConnectionsPerUser: 128, MaxStreams: 256, MaxStreamsPerUser: 64,
			MaxRecordBytes: 16 << 20, MaxBatchBytes: 256 << 10, MaxPatternBytes: 1024, MaxRequestBytes: 256 << 10,
			SendTimeout: 5 * time.Minute, DrainTimeout: 10 * time.Second,
		},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

func TestKeysAreComplete(t *testing.T) {
	t.Parallel()
	for _, k := range Keys() {
		if k.Doc == "" || !strings.HasSuffix(k.Doc, ".") || strings.Count(k.Name, ".") != 1 {
			t.Errorf("key %+v: want a name with one dot and a sentence", k)
		}
		c := defaults(t)
		if got := k.Text(&c); k.value(&c).Set(got) != nil || k.Text(&c) != got {
			t.Errorf("%s: %q does not survive a round trip", k.Name, got)
		}
	}
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	const file = "log:\n  level: warn\n"
	environ := []string{"HOME=/", "NODED_LOG_LEVEL=debug"}
	args := []string{"--log-level=error"}
	tests := []struct {
		name    string
		file    string
		environ []string
		args    []string
		want    slog.Level
		origin  string
	}{
		{"default", "", nil, nil, slog.LevelInfo, "default"},
		{"file", file, nil, nil, slog.LevelWarn, "FILE:2"},
		{"environment", "", environ, nil, slog.LevelDebug, "NODED_LOG_LEVEL"},
		{"flag", "", nil, args, slog.LevelError, "--log-level"},
		{"environment over file", file, environ, nil, slog.LevelDebug, "NODED_LOG_LEVEL"},
		{"flag over file", file, nil, args, slog.LevelError, "--log-level"},
		{"flag over all", file, environ, args, slog.LevelError, "--log-level"},
		{"empty value is a value", "node: {name: a}", []string{"NODED_NODE_NAME="}, nil, slog.LevelInfo, "default"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := write(t, tt.file)
			loaded, err := Load(Sources{File: path, FileRequired: true, Environ: tt.environ, Flags: flagSet(t, tt.args...)})
			if err != nil {
				t.Fatal(err)
			}
			origin := strings.ReplaceAll(loaded.origin("log.level").String(), path, "FILE")
			if loaded.Config.Log.Level != tt.want || origin != tt.origin {
				t.Errorf("log.level = %v from %s, want %v from %s", loaded.Config.Log.Level, origin, tt.want, tt.origin)
			}
			if loaded.Config.Node.Name != "" {
				t.Errorf("node.name = %q", loaded.Config.Node.Name)
			}
		})
	}
}

func TestEveryKeyCanBeSetEverywhere(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"server.socket": "/tmp/s", "server.socket_mode": "0600", "server.reflection": "false", "journal.engine": "libsystemd",
		"log.level": "warn", "log.format": "json", "limits.send_timeout": "7s", "limits.drain_timeout": "1h",
		"logs.pods_directory": "/p", "logs.docker_directory": "/d", "runtime.sockets": "/a,/b", "runtime.docker_socket": "/c",
		"stats.interval": "5m", "stats.history": "24h", "stats.history_bytes": "5MiB", "stats.cgroup_root": "/c",
		"metrics.listen": "127.0.0.1:1", "metrics.web_config_file": "/w", "metrics.pod_labels": "app,app.kubernetes.io/name", "metrics.units": "ssh*.service,ssh.socket",
		"limits.max_record_bytes": "3MiB", "limits.max_batch_bytes": "5KiB", "limits.max_request_bytes": "7",
	}
	for _, k := range Keys() {
		value := values[k.Name]
		switch {
		case value != "":
		case strings.HasPrefix(k.Name, "limits."):
			value = "9"
		default:
			value = "x"
		}
		section, name, _ := strings.Cut(k.Name, ".")
		path := write(t, section+":\n  "+name+": "+value+"\n")
		// Two limits may not be over their totals.
		base := []string{"NODED_LIMITS_MAX_STREAMS_PER_USER=1", "NODED_LIMITS_MAX_CONNECTIONS_PER_USER=1"}
		fromFile := base
		if strings.HasSuffix(k.Name, "_per_user") {
			fromFile = nil
		}
		if k.Name == "metrics.web_config_file" {
			base = append(base, "NODED_METRICS_LISTEN=127.0.0.1:1")
			fromFile = base
		}
		for _, s := range []Sources{{File: path, Environ: fromFile}, {Environ: append(slices.Clone(base), k.Variable()+"="+value)}} {
			loaded, err := Load(s)
			if err != nil {
				t.Errorf("%s: %v", k.Name, err)
				continue
			}
			if got := k.Text(&loaded.Config); got != value {
				t.Errorf("%s = %q, want %q", k.Name, got, value)
			}
		}
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		file string
		want []string
	}{
		{"near key", "server:\n  sokcet: /x\n", []string{"FILE:2: server.sokcet: unknown key; did you mean server.socket?"}},
		{"wrong section", "node:\n  socket: /x\n", []string{"FILE:2: node.socket: unknown key; did you mean server.socket or runtime.sockets?"}},
		{"near section", "journals:\n  engine: auto\n", []string{"FILE:1: journals: unknown key; did you mean journal?"}},
		{"other section", "logs:\n  level: info\n", []string{"FILE:2: logs.level: unknown key; did you mean log.level?"}},
		{"nothing near", "zzzzzz: 1\n", []string{"FILE:1: zzzzzz: unknown key"}},
		{"case counts", "Log: {level: info}\n", []string{"FILE:1: Log: unknown key; did you mean log or logs?"}},
		{"below a value", "log:\n  level:\n    x: 1\n", []string{"FILE:3: log.level: want a single value"}},
		{"list", "log:\n  level: [info]\n", []string{"FILE:2: log.level: want a single value"}},
		{"no value", "log:\n  level:\n", []string{"FILE:2: log.level: has no value; give it one or remove the line"}},
		{"twice", "log:\n  level: info\n  level: warn\n", []string{"FILE:3: log.level: set a second time; the first is in line 2"}},
		{"not a mapping", "- a\n", []string{"FILE:1: want keys with values"}},
		{"two documents", "log: {level: info}\n---\nlog: {level: warn}\n", []string{"FILE: has more than one YAML document"}},
		{"all are told", "limits:\n  max_streams: x\n  send_timeout: 5\n  max_record_bytes: 3GiB\nlog: {level: loud}\nserver: {socket_mode: 999, reflection: maybe}\n", []string{
			`FILE:6: server.socket_mode: "999": want an octal mode such as 0660`,
			`FILE:6: server.reflection: "maybe": want true or false`,
			`FILE:5: log.level: "loud": want one of debug, info, warn, error`,
			`FILE:2: limits.max_streams: "x": want a number from 1`,
			`FILE:4: limits.max_record_bytes: "3GiB": want a size such as 256KiB or 16MiB, below 2GiB`,
			`FILE:3: limits.send_timeout: "5": want a duration such as 30s or 5m`,
		}},
		{"white node name", "node: {name: '  '}\n", []string{"FILE:1: node.name: has only white space; leave it empty for the host name"}},
		{"unknown engine", "journal: {engine: x}\n", []string{`FILE:1: journal.engine: "x": want one of auto, native, libsystemd`}},
		{"network", "server: {socket: 'tcp://0.0.0.0:1'}\n", []string{"FILE:1: server.socket: want a path without a scheme, such as /run/noded/noded.sock; noded listens on no network"}},
		{"abstract socket", "server: {socket: '@x'}\n", []string{"FILE:1: server.socket: abstract sockets have no permissions; want a path"}},
		{"no socket", "server: {socket: ''}\n", []string{"FILE:1: server.socket: want the path of a unix socket"}},
		{"long socket", "server: {socket: /" + strings.Repeat("x", 107) + "}\n", []string{"FILE:1: server.socket: the path has 108 bytes; the path of a socket can have 107"}},
		{"over the total", "limits: {max_streams: 4, max_streams_per_user: 5}\n", []string{"FILE:1: limits.max_streams_per_user: 5 is more than limits.max_streams, which is 4"}},
		{"record", "limits: {max_record_bytes: 1GiB}\n", []string{"FILE:1: limits.max_record_bytes: at most 60MiB: clients take no larger messages"}},
		{"directory", "logs: {pods_directory: pods}\n", []string{`FILE:1: logs.pods_directory: "pods": want an absolute path`}},
		{"scheme", "runtime: {sockets: 'unix:///run/a'}\n", []string{`FILE:1: runtime.sockets: "unix:///run/a": want a path without a scheme`}},
		{"list of lists", "runtime:\n  sockets:\n  - [/a]\n", []string{"FILE:3: runtime.sockets: want a list of values without commas"}},
		{"comma in a list", "runtime:\n  sockets: ['/a,/b']\n", []string{"FILE:2: runtime.sockets: want a list of values without commas"}},
		{"long socket of a runtime", "runtime: {sockets: [/" + strings.Repeat("x", 107) + "]}\n", []string{"FILE:1: runtime.sockets: the path has 108 bytes; the path of a socket can have 107"}},
		{"often", "stats: {interval: 900ms}\n", []string{`FILE:1: stats.interval: "900ms": want a duration from 1s to 5m`}},
		{"seldom", "stats: {interval: 301s}\n", []string{`FILE:1: stats.interval: "301s": want a duration from 1s to 5m`}},
		{"never", "stats: {interval: 0}\n", []string{`FILE:1: stats.interval: "0": want a duration from 1s to 5m`}},
		{"long history", "stats: {history: 25h}\n", []string{`FILE:1: stats.history: "25h": want a duration from 1m to 24h, or 0`}},
		{"odd history", "stats: {history: -1m}\n", []string{`FILE:1: stats.history: "-1m": want a duration from 1m to 24h, or 0`}},
		{"no cgroups", "stats: {cgroup_root: ''}\n", []string{`FILE:1: stats.cgroup_root: "": want an absolute path`}},
		{"bare port", "metrics: {listen: ':9842'}\n", []string{`FILE:1: metrics.listen: ":9842": want an address before the port; 0.0.0.0 or [::] for all of the machine's`}},
		{"name", "metrics: {listen: 'node:9842'}\n", []string{`FILE:1: metrics.listen: "node:9842": want an IP address and a port such as 127.0.0.1:9842`}},
		{"no port", "metrics: {listen: '127.0.0.1:0'}\n", []string{`FILE:1: metrics.listen: "127.0.0.1:0": want an IP address and a port such as 127.0.0.1:9842`}},
		{"open to all", "metrics: {listen: '0.0.0.0:9842'}\n", []string{"FILE:1: metrics.listen: 0.0.0.0:9842 is not an address of this machine alone; it needs metrics.web_config_file with a certificate"}},
		{"open to others", "metrics: {listen: '[2001:db8::1]:9842'}\n", []string{"FILE:1: metrics.listen: [2001:db8::1]:9842 is not an address of this machine alone; it needs metrics.web_config_file with a certificate"}},
		{"certificate for nothing", "metrics: {web_config_file: /w}\n", []string{"FILE:1: metrics.web_config_file: there is no metrics.listen that it could be for"}},
		{"label", "metrics: {pod_labels: [app, 'a b']}\n", []string{`FILE:1: metrics.pod_labels: "a b": want the key of a label such as app.kubernetes.io/name`}},
		{"unit", "metrics: {units: [ssh.service, '[']}\n", []string{`FILE:1: metrics.units: "[": want the name of a unit or a pattern such as ssh*.service`}},
		{"same label in snake case", "metrics: {pod_labels: [appName, app_name]}\n", []string{`FILE:1: metrics.pod_labels: "appName" and "app_name" are the same to Prometheus: label_app_name`}},
		{"same label", "metrics: {pod_labels: [a.b, a-b]}\n", []string{`FILE:1: metrics.pod_labels: "a.b" and "a-b" are the same to Prometheus: label_a_b`}},
		{"pattern", "limits: {max_pattern_bytes: 2000}\n", []string{"FILE:1: limits.max_pattern_bytes: at most 1024"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := write(t, tt.file)
			_, err := Load(Sources{File: path, FileRequired: true})
			if err == nil {
				t.Fatal("Load found no problem")
			}
			got := strings.Split(strings.ReplaceAll(err.Error(), path, "FILE"), "\n")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			var p *Problem
			if !errors.As(err, &p) {
				t.Errorf("%T has no *Problem", err)
			}
		})
	}
}

func TestFileThatIsNotThere(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "none.yaml")
	if loaded, err := Load(Sources{File: path}); err != nil || loaded.File != "" {
		t.Errorf("Load without the default file = %v, %v", loaded, err)
	}
	if _, err := Load(Sources{File: path, FileRequired: true}); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("Load without the file that was asked for: %v", err)
	}
	if _, err := Load(Sources{File: filepath.Dir(path), FileRequired: true}); err == nil {
		t.Error("Load of a directory found no problem")
	}
	if _, err := Load(Sources{File: write(t, "log:\n  level: info\n a: b: c\n"), FileRequired: true}); err == nil || !strings.Contains(err.Error(), "line ") {
		t.Errorf("Load of something else: %v", err)
	}
}

func TestUnknownVariablesAreWarnedAbout(t *testing.T) {
	t.Parallel()
	loaded, err := Load(Sources{Environ: []string{"NODED_LOG_LEVLE=debug", "NODED_SERVICE_HOST=10.0.0.1", "NODED_PORT_80_TCP=x", "NODED_CONFIG=/x", "NODEDX=1"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"environment variable NODED_LOG_LEVLE is not known; did you mean NODED_LOG_LEVEL?"}
	if diff := cmp.Diff(want, loaded.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"1": 1, "1B": 1, "2K": 2048, "2KiB": 2048, "16 MiB": 16 << 20, "1G": 1 << 30, "2147483647": 1<<31 - 1} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("parseSize(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1", "K", "1.5M", "2GiB", "9999999999", "1 1"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("parseSize(%q) = %d, want an error", text, got)
		}
	}
}

// FuzzParseFile: whatever a file holds, there is no panic, and only keys that exist are set, from lines that exist.
func FuzzParseFile(f *testing.F) {
	for _, seed := range []string{"", "log:\n  level: warn\n", "a: &x {b: *x}\n", "server: {socket: /x, socket_mode: 0660}", "log.level: info", "? [a]\n: b", "- a", "!!binary x: y", "<<: {log: 1}"} {
		f.Add([]byte(seed))
	}
	keys := Keys()
	names := keyNames(keys)
	f.Fuzz(func(t *testing.T, data []byte) {
		parsed, problems, err := parseFile("f", data, keys)
		if err != nil {
			return
		}
		for key, v := range parsed.set {
			if !slices.Contains(names, key) || v.origin.Line < 1 {
				t.Errorf("key %q from line %d", key, v.origin.Line)
			}
		}
		for _, p := range problems {
			if p.Reason == "" {
				t.Errorf("problem %+v has no reason", p)
			}
		}
	})
}

func TestNoHistory(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"0", "0s"} {
		loaded, err := Load(Sources{Environ: []string{"NODED_STATS_HISTORY=" + text}})
		if err != nil || loaded.Config.Stats.History != 0 {
			t.Errorf("stats.history: %s: %v", text, err)
		}
	}
}

func TestMetricsListen(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"", "127.0.0.1:9842", "127.8.8.8:1", "[::1]:9842", "localhost:9842", "[::ffff:127.0.0.1]:9842"} {
		if _, err := Load(Sources{Environ: []string{"NODED_METRICS_LISTEN=" + listen}}); err != nil {
			t.Errorf("%q: %v", listen, err)
		}
	}
	for _, listen := range []string{"0.0.0.0:9842", "[::]:9842", "192.0.2.1:65535", "[fe80::1%eth0]:9842"} {
		if _, err := Load(Sources{Environ: []string{"NODED_METRICS_LISTEN=" + listen}}); err == nil {
			t.Errorf("%q without a certificate: no problem", listen)
		}
		if _, err := Load(Sources{Environ: []string{"NODED_METRICS_LISTEN=" + listen, "NODED_METRICS_WEB_CONFIG_FILE=/w"}}); err != nil {
			t.Errorf("%q with a certificate: %v", listen, err)
		}
	}
	for _, listen := range []string{"9842", ":9842", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "localhost", "node.example:1", "tcp://127.0.0.1:1", "[::1]", "127.0.0.1:-1"} {
		if _, err := ParseListen(listen); err == nil {
			t.Errorf("ParseListen(%q) found no problem", listen)
		}
	}
}

func TestLabelName(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"app": "label_app", "app.kubernetes.io/part-of": "label_app_kubernetes_io_part_of", "appName": "label_app_name", "HTTPServer2Go": "label_httpserver2_go",
		"a-B": "label_a_b", "Tier": "label_tier",
	} {
		if got := LabelName(key); got != want {
			t.Errorf("LabelName(%q) = %q, want %q", key, got, want)
		}
	}
	for _, key := range []string{"", "/", "a/", "/a", "a/b/c", "a,b", "ä", strings.Repeat("x", 64)} {
		if checkLabelKey(key) == nil {
			t.Errorf("checkLabelKey(%q) found no problem", key)
		}
	}
}

func TestNodeNameIsText(t *testing.T) {
	t.Parallel()
	_, err := Load(Sources{Environ: []string{"NODED_NODE_NAME=a\xff"}})
	if err == nil || !strings.Contains(err.Error(), "node.name: \"a\\xff\" is not UTF-8 text") {
		t.Errorf("Load = %v", err)
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"[/a, /b]": {"/a", "/b"}, "/a": {"/a"}, "'/a, /b'": {"/a", "/b"}, "[]": nil, "''": nil, "\n  - /a\n": {"/a"},
	} {
		loaded, err := Load(Sources{File: write(t, "runtime:\n  sockets: "+text+"\n")})
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, loaded.Config.Runtime.Sockets); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}
