// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/noded/noded/journal/engines"
)

// Key is one thing that can be set.
type Key struct {
	// Name is the key with dots: server.socket.
	Name string
	// Default is the value when nothing sets it, in the form that Text has.
	Default string
	// Doc is a sentence or two for people.
	Doc string
	// Flag is the name of the command line flag, without dashes; empty if there is none.
	Flag string
	// Reloadable: SIGHUP is enough for a new value to take effect.
	Reloadable bool
	// List: the value is any number of texts, which a file can have as a list; elsewhere commas are between them.
	List bool

	value func(c *Config) value
}

// Variable returns the name of the key's environment variable.
func (k Key) Variable() string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(k.Name, ".", "_"))
}

// Text returns the value of the key in c as a configuration file would have it.
func (k Key) Text(c *Config) string { return k.value(c).String() }

// Keys returns all keys, in the order of the documentation.
func Keys() []Key {
	return slices.Concat(nodeKeys(), serverKeys(), journalKeys(), containerKeys(), statsKeys(), stateKeys(), logKeys(), metricsKeys(), limitKeys())
}

func nodeKeys() []Key {
	return []Key{{
		Name: "node.name", Flag: "node-name",
		Doc:   "Name of the node, as every record carries it. Empty: the host name in lower case.",
		value: func(c *Config) value { return stringValue{&c.Node.Name} },
	}}
}

func serverKeys() []Key {
	return []Key{{
		Name: "server.socket", Flag: "socket", Default: "/run/noded/noded.sock",
		Doc:   "Path of the unix socket. Not used when systemd passes the socket (noded.socket).",
		value: func(c *Config) value { return stringValue{&c.Server.Socket} },
	}, {
		Name: "server.socket_mode", Default: "0660",
		Doc:   "Mode of the socket, octal. Only for a socket that noded makes itself.",
		value: func(c *Config) value { return modeValue{&c.Server.SocketMode} },
	}, {
		Name: "server.socket_group", Default: "noded",
		Doc:   "Group of the socket, if the group exists. Only for a socket that noded makes itself.",
		value: func(c *Config) value { return stringValue{&c.Server.SocketGroup} },
	}, {
		Name: "server.reader_group", Default: "noded", Reloadable: true,
		Doc:   "Members of this group, by name or number, can read every log of the node. Empty: only root and the user that noded runs as.",
		value: func(c *Config) value { return stringValue{&c.Server.ReaderGroup} },
	}, {
		Name: "server.reflection", Default: "true",
		Doc:   "Serve gRPC reflection to readers, so that general gRPC tools can be used.",
		value: func(c *Config) value { return boolValue{&c.Server.Reflection} },
	}}
}

func journalKeys() []Key {
	return []Key{{
		Name: "journal.directory", Flag: "journal-directory",
		Doc:   "Directory of journal files to serve, such as a copy from another machine. Empty: the journal of this machine.",
		value: func(c *Config) value { return stringValue{&c.Journal.Directory} },
	}, {
		Name: "journal.engine", Flag: "engine", Default: engines.Auto,
		Doc:   "What reads journal files: auto, native or libsystemd. auto is native, and libsystemd for a journal with a file that native does not know how to read; nodectl status shows which.",
		value: func(c *Config) value { return choiceValue{&c.Journal.Engine, engines.Names()} },
	}}
}

func containerKeys() []Key {
	return []Key{{
		Name: "logs.pods_directory", Flag: "pods-directory", Default: DefaultPodsDirectory,
		Doc:   "Directory of the logs of pods, as kubelet lays it out. It need not exist. Empty: none is read.",
		value: func(c *Config) value { return pathValue{&c.Logs.PodsDirectory} },
	}, {
		Name: "logs.docker_directory", Default: "/var/lib/docker/containers",
		Doc:   "Directory in which Docker keeps the logs of its containers. It need not exist. Empty: none is read.",
		value: func(c *Config) value { return pathValue{&c.Logs.DockerDirectory} },
	}, {
		Name: "runtime.sockets", List: true,
		Doc:   "Paths of the sockets of container runtimes that speak the CRI. Empty: those of containerd, CRI-O, cri-dockerd, k3s and k0s are looked for where they usually are.",
		value: func(c *Config) value { return pathsValue{&c.Runtime.Sockets} },
	}, {
		Name: "runtime.docker_socket", Default: DefaultDockerSocket,
		Doc:   "Path of the socket of a Docker daemon, for containers that are in no pod. It need not exist. Empty: none is asked.",
		value: func(c *Config) value { return pathValue{&c.Runtime.DockerSocket} },
	}}
}

func stateKeys() []Key {
	return []Key{{
		Name: "state.directory", Flag: "state-directory", Default: "/var/lib/noded",
		Doc:   "Directory for what must survive a restart: what was used, see stats.history.",
		value: func(c *Config) value { return stringValue{&c.State.Directory} },
	}}
}

func logKeys() []Key {
	return []Key{{
		Name: "log.level", Flag: "log-level", Default: "info", Reloadable: true,
		Doc:   "Least severe message of noded's own log: debug, info, warn or error.",
		value: func(c *Config) value { return levelValue{&c.Log.Level} },
	}, {
		Name: "log.format", Flag: "log-format", Default: FormatAuto,
		Doc: "Form of noded's own log on standard error: auto, text, json or journald. journald is text with a priority prefix and without time; auto is journald when standard error is the journal, else text.",
		value: func(c *Config) value {
			return choiceValue{&c.Log.Format, []string{FormatAuto, FormatText, FormatJSON, FormatJournald}}
		},
	}}
}

func limitKeys() []Key {
	number := func(name, def, doc string, p func(*Limits) *int) Key {
		return Key{Name: "limits." + name, Default: def, Doc: doc, Reloadable: true,
			value: func(c *Config) value { return countValue{p(&c.Limits)} }}
	}
	size := func(name, def, doc string, p func(*Limits) *int) Key {
		return Key{Name: "limits." + name, Default: def, Doc: doc, Reloadable: true,
			value: func(c *Config) value { return sizeValue{p(&c.Limits)} }}
	}
	span := func(name, def, doc string, p func(*Limits) *time.Duration) Key {
		return Key{Name: "limits." + name, Default: def, Doc: doc, Reloadable: true,
			value: func(c *Config) value { return durationValue{p(&c.Limits)} }}
	}
	request := size("max_request_bytes", "256KiB", "Largest request message.", func(l *Limits) *int { return &l.MaxRequestBytes })
	request.Reloadable = false
	return []Key{
		number("max_connections", "512", "Connections that can be open at a time.", func(l *Limits) *int { return &l.MaxConnections }),
		number("max_connections_per_user", "128", "Connections that one user can have open at a time.", func(l *Limits) *int { return &l.MaxConnectionsPerUser }),
		number("max_streams", "256", "Calls that can read the journal, logs or what is used, or watch pods, at a time.", func(l *Limits) *int { return &l.MaxStreams }),
		number("max_streams_per_user", "64", "Calls of one user that can do so at a time.", func(l *Limits) *int { return &l.MaxStreamsPerUser }),
		size("max_record_bytes", "16MiB", "Largest record that is sent. For a larger one a gap is sent.", func(l *Limits) *int { return &l.MaxRecordBytes }),
		size("max_batch_bytes", "256KiB", "Size at which a batch of records is sent. One record can be larger.", func(l *Limits) *int { return &l.MaxBatchBytes }),
		size("max_pattern_bytes", "1024", "Longest pattern of grep and exclude.", func(l *Limits) *int { return &l.MaxPatternBytes }),
		request,
		span("send_timeout", "5m", "A stream whose client takes nothing for this long is cut.", func(l *Limits) *time.Duration { return &l.SendTimeout }),
		span("drain_timeout", "10s", "Time that streams have to end when noded stops.", func(l *Limits) *time.Duration { return &l.DrainTimeout }),
	}
}

// value reads and writes one value of a Config as text.
type value interface {
	Set(text string) error
	String() string
}

type stringValue struct{ p *string }

func (v stringValue) String() string { return *v.p }
func (v stringValue) Set(s string) error {
	if strings.ContainsAny(s, "\x00\n") {
		return fmt.Errorf("%q: want one line of text", s)
	}
	*v.p = s
	return nil
}

// pathValue is an absolute path, or empty.
type pathValue struct{ p *string }

func (v pathValue) String() string { return *v.p }
func (v pathValue) Set(s string) error {
	if err := checkPath(s); s != "" && err != nil {
		return err
	}
	*v.p = s
	return nil
}

// pathsValue is any number of absolute paths with commas between them.
type pathsValue struct{ p *[]string }

func (v pathsValue) String() string { return strings.Join(*v.p, ",") }
func (v pathsValue) Set(s string) error {
	var paths []string
	for path := range strings.SplitSeq(s, ",") {
		if path = strings.TrimSpace(path); path == "" {
			continue
		}
		if err := checkPath(path); err != nil {
			return err
		}
		paths = append(paths, path)
	}
	*v.p = paths
	return nil
}

func checkPath(path string) error {
	switch {
	case strings.Contains(path, "://"):
		return fmt.Errorf("%q: want a path without a scheme", path)
	case !strings.HasPrefix(path, "/"), strings.ContainsAny(path, "\x00\n"):
		return fmt.Errorf("%q: want an absolute path", path)
	}
	return nil
}

type choiceValue struct {
	p       *string
	choices []string
}

func (v choiceValue) String() string { return *v.p }
func (v choiceValue) Set(s string) error {
	if !slices.Contains(v.choices, s) {
		return fmt.Errorf("%q: want one of %s", s, strings.Join(v.choices, ", "))
	}
	*v.p = s
	return nil
}

type boolValue struct{ p *bool }

func (v boolValue) String() string { return strconv.FormatBool(*v.p) }
func (v boolValue) Set(s string) error {
	switch strings.ToLower(s) {
	case "true", "yes", "on", "1":
		*v.p = true
	case "false", "no", "off", "0":
		*v.p = false
	default:
		return fmt.Errorf("%q: want true or false", s)
	}
	return nil
}

type modeValue struct{ p *fs.FileMode }

func (v modeValue) String() string { return fmt.Sprintf("%04o", v.p.Perm()) }
func (v modeValue) Set(s string) error {
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "0o"), 8, 32)
	if err != nil || n > 0o777 {
		return fmt.Errorf("%q: want an octal mode such as 0660", s)
	}
	*v.p = fs.FileMode(n)
	return nil
}

type levelValue struct{ p *slog.Level }

func (v levelValue) String() string { return strings.ToLower(v.p.String()) }
func (v levelValue) Set(s string) error {
	switch strings.ToLower(s) {
	case "debug":
		*v.p = slog.LevelDebug
	case "info":
		*v.p = slog.LevelInfo
	case "warn", "warning":
		*v.p = slog.LevelWarn
	case "error", "err":
		*v.p = slog.LevelError
	default:
		return fmt.Errorf("%q: want one of debug, info, warn, error", s)
	}
	return nil
}

type countValue struct{ p *int }

func (v countValue) String() string { return strconv.Itoa(*v.p) }
func (v countValue) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || n == 0 {
		return fmt.Errorf("%q: want a number from 1", s)
	}
	*v.p = int(n)
	return nil
}

type durationValue struct{ p *time.Duration }

// String leaves out what is zero at the end: 5m, where time.Duration says 5m0s.
func (v durationValue) String() string {
	s := v.p.String()
	if rest, ok := strings.CutSuffix(s, "m0s"); ok {
		s = rest + "m"
	}
	if rest, ok := strings.CutSuffix(s, "h0m"); ok {
		s = rest + "h"
	}
	return s
}

func (v durationValue) Set(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q: want a duration such as 30s or 5m", s)
	}
	*v.p = d
	return nil
}

type sizeValue struct{ p *int }

func (v sizeValue) String() string {
	n := *v.p
	for _, unit := range sizeUnits() {
		if n >= unit.bytes && n%unit.bytes == 0 && unit.bytes > 1 {
			return strconv.Itoa(n/unit.bytes) + unit.name
		}
	}
	return strconv.Itoa(n)
}

func (v sizeValue) Set(s string) error {
	n, err := parseSize(s)
	if err != nil {
		return err
	}
	*v.p = n
	return nil
}

type sizeUnit struct {
	name  string
	bytes int
}

func sizeUnits() []sizeUnit {
	return []sizeUnit{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"B", 1}}
}

// parseSize reads a number of bytes: 1024, 256KiB, 16MiB. K, M and G mean the same as KiB,
// MiB and GiB, as in systemd's own configuration.
func parseSize(s string) (int, error) {
	digits, factor := s, 1
	for _, unit := range sizeUnits() {
		if rest, ok := strings.CutSuffix(s, unit.name); ok {
			digits, factor = strings.TrimSpace(rest), unit.bytes
			break
		}
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil || n == 0 || n > math.MaxInt32/uint64(factor) {
		return 0, fmt.Errorf("%q: want a size such as 256KiB or 16MiB, below 2GiB", s)
	}
	return int(n) * factor, nil
}
