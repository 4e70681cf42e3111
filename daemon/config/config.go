// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/noded/noded/journal"
)

// DefaultFile is the configuration file that is read if it exists.
const DefaultFile = "/etc/noded/noded.yaml"

// maxSocketPath is the longest path of a unix socket: sun_path has 108 bytes, one of them for
// the terminator, see unix(7).
const maxSocketPath = 107

// maxMessageBytes is the largest batch or record that can be allowed. Clients accept messages of 64 MiB; the rest is
// for what surrounds it.
const maxMessageBytes = 60 << 20

// Config is the configuration of noded. Keys documents each value.
type Config struct {
	Node    Node
	Server  Server
	Journal Journal
	Logs    Logs
	Runtime Runtime
	Stats   Stats
	State   State
	Log     Log
	Metrics Metrics
	Limits  Limits
}

// Node is about the identity of the node.
type Node struct {
	// Name is empty for the host name.
	Name string
}

// Server is about the socket and who may use it.
type Server struct {
	Socket string
	// SocketMode and SocketGroup apply to a socket that noded makes itself.
	SocketMode  fs.FileMode
	SocketGroup string
	ReaderGroup string
	Reflection  bool
}

// Journal says which journal is read, and how.
type Journal struct {
	// Directory is empty for the journal of this machine.
	Directory string
	// Engine is one of engines.Names.
	Engine string
}

// DefaultPodsDirectory and DefaultDockerSocket are where a machine has them.
const (
	DefaultPodsDirectory = "/var/log/pods"
	DefaultDockerSocket  = "/run/docker.sock"
)

// Logs says where the logs of containers are. Both directories can be empty.
type Logs struct {
	PodsDirectory, DockerDirectory string
}

// Runtime says which container runtimes are asked for pods and containers.
type Runtime struct {
	// Sockets are the paths of CRI runtimes; nil for those of this machine.
	Sockets []string
	// DockerSocket is empty for none.
	DockerSocket string
}

// State is about files that noded keeps.
type State struct {
	Directory string
}

// Log is about noded's own log.
type Log struct {
	Level  slog.Level
	Format string
}

// Limits bound what callers can use. All are positive.
type Limits struct {
	MaxConnections        int
	MaxConnectionsPerUser int
	MaxStreams            int
	MaxStreamsPerUser     int
	MaxRecordBytes        int
	MaxBatchBytes         int
	MaxPatternBytes       int
	MaxRequestBytes       int
	SendTimeout           time.Duration
	DrainTimeout          time.Duration
}

// The values of log.format.
const (
	FormatAuto     = "auto"
	FormatText     = "text"
	FormatJSON     = "json"
	FormatJournald = "journald"
)

// validate reports what no single key can tell: values that do not go together, and
// values that cannot be served. Problems name their key.
func (c *Config) validate() []*Problem {
	var problems []*Problem
	bad := func(key, format string, args ...any) {
		problems = append(problems, &Problem{Key: key, Reason: fmt.Sprintf(format, args...)})
	}
	switch name := c.Node.Name; {
	case !utf8.ValidString(name):
		bad("node.name", "%q is not UTF-8 text", name)
	case name != "" && strings.TrimSpace(name) == "":
		bad("node.name", "has only white space; leave it empty for the host name")
	}
	switch n := len(c.Server.Socket); {
	case n == 0:
		bad("server.socket", "want the path of a unix socket")
	case strings.HasPrefix(c.Server.Socket, "@"):
		bad("server.socket", "abstract sockets have no permissions; want a path")
	case strings.Contains(c.Server.Socket, "://"):
		bad("server.socket", "want a path without a scheme, such as /run/noded/noded.sock; noded listens on no network")
	case n > maxSocketPath:
		bad("server.socket", "the path has %d bytes; the path of a socket can have %d", n, maxSocketPath)
	}
	for _, path := range append(c.Runtime.Sockets, c.Runtime.DockerSocket) {
		if len(path) > maxSocketPath {
			key := "runtime.sockets"
			if path == c.Runtime.DockerSocket {
				key = "runtime.docker_socket"
			}
			bad(key, "the path has %d bytes; the path of a socket can have %d", len(path), maxSocketPath)
		}
	}
	c.Metrics.validate(bad)
	l := &c.Limits
	if l.MaxStreamsPerUser > l.MaxStreams {
		bad("limits.max_streams_per_user", "%d is more than limits.max_streams, which is %d", l.MaxStreamsPerUser, l.MaxStreams)
	}
	if l.MaxConnectionsPerUser > l.MaxConnections {
		bad("limits.max_connections_per_user", "%d is more than limits.max_connections, which is %d", l.MaxConnectionsPerUser, l.MaxConnections)
	}
	for _, size := range []struct {
		key   string
		bytes int
	}{{"limits.max_record_bytes", l.MaxRecordBytes}, {"limits.max_batch_bytes", l.MaxBatchBytes}} {
		if size.bytes > maxMessageBytes {
			bad(size.key, "at most %s: clients take no larger messages", sizeValue{new(maxMessageBytes)})
		}
	}
	if l.MaxPatternBytes > journal.MaxPatternBytes {
		bad("limits.max_pattern_bytes", "at most %d", journal.MaxPatternBytes)
	}
	return problems
}

// Problem is one thing that is wrong with the configuration.
type Problem struct {
	// Key is the key, or the unknown name that was given; empty when a file as a whole is meant.
	Key string
	// Origin says where it was set.
	Origin Origin
	// Reason says what is wrong and what would be right.
	Reason string
}

// Error implements error: ORIGIN: KEY: reason.
func (p *Problem) Error() string {
	parts := make([]string, 0, 3)
	if p.Origin.Kind != OriginDefault {
		parts = append(parts, p.Origin.String())
	}
	if p.Key != "" {
		parts = append(parts, p.Key)
	}
	return strings.Join(append(parts, p.Reason), ": ")
}

func joinProblems(problems []*Problem) error {
	errs := make([]error, len(problems))
	for i, p := range problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}
