// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/noded/noded/daemon/audit"
	"github.com/noded/noded/daemon/authz"
	"github.com/noded/noded/daemon/config"
	"github.com/noded/noded/daemon/limit"
	"github.com/noded/noded/daemon/metrics"
	"github.com/noded/noded/daemon/notify"
	"github.com/noded/noded/daemon/peercred"
	"github.com/noded/noded/daemon/service"
	"github.com/noded/noded/daemon/socket"
	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/catalog"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
)

const (
	// connectionTimeout bounds the time from accept to the first frame.
	connectionTimeout = 10 * time.Second
	// maxConcurrentStreams bounds the calls of one connection.
	maxConcurrentStreams = 100
	// maxHeaderBytes bounds the metadata of a call.
	maxHeaderBytes = 16 << 10
	// writeBufferBytes is how much of a stream is written to its connection at once, if there is so much. Connections share
	// the buffers.
	writeBufferBytes = 128 << 10
	// minPing is how often a client may ping.
	minPing = 10 * time.Second
)

// Options are what a daemon is made of.
type Options struct {
	// Loaded is the configuration.
	Loaded *config.Loaded
	// Reload reads the configuration again. nil: SIGHUP changes nothing.
	Reload func() (*config.Loaded, error)
	// Hangup asks for a reload. nil: never.
	Hangup <-chan os.Signal
	Logger *slog.Logger
	// Level is the level of Logger; a reload sets it. nil: it is not set.
	Level   *slog.LevelVar
	Version string
	// Notifier may be nil.
	Notifier *notify.Notifier
	// Listeners are sockets to serve on. None: one is made as the configuration says.
	Listeners []*socket.Listener
	// Journal replaces the journal that the configuration names. nil: it does not.
	Journal service.Journal
	// StopGrace is how long calls have to end after limits.drain_timeout; those that do not are left behind. Zero
	// for 5 s.
	StopGrace time.Duration
	// Root is the root directory for facts about the machine; empty for "/".
	Root string
}

// Daemon is noded, ready to serve.
type Daemon struct {
	options    Options
	log        *slog.Logger
	notifier   *notify.Notifier
	location   string
	limits     atomic.Pointer[config.Limits]
	loaded     *config.Loaded // owned by the goroutine of Serve
	authorizer *authz.Authorizer
	calls      *limit.Calls
	peers      *peercred.Credentials
	server     *grpc.Server
	health     *health.Server
	containers *containers
	usage      *usage
	stats      *service.StatsService
	// metrics is nil if none are served.
	metrics *metrics.Server
}

// New builds a daemon. It opens nothing yet.
func New(o Options) (*Daemon, error) {
	cfg := &o.Loaded.Config
	d := &Daemon{options: o, log: o.Logger, notifier: o.Notifier, loaded: o.Loaded}
	if d.notifier == nil {
		d.notifier = notify.New(func(string) error { return nil }, 0, o.Logger)
	}
	d.limits.Store(&cfg.Limits)
	if o.Root == "" {
		o.Root = "/"
	}

	source, engine, err := openJournal(cfg, d.maxRecordBytes, o.Logger)
	if err != nil {
		return nil, err
	}
	d.location = cfg.Journal.Directory
	if d.location == "" {
		d.location = systemJournal(o.Root)
	}
	host := service.ReadHost(o.Root, cfg.Node.Name)
	var reader service.Journal = source
	if cfg.Journal.Directory == "" {
		source.CurrentBoot = host.BootID
	}
	if o.Journal != nil {
		reader = o.Journal
	}

	readers, err := authz.LookupGroup(cfg.Server.ReaderGroup)
	if err != nil {
		return nil, err
	}
	d.warnNoReaders(readers)
	d.authorizer = authz.New(uint32(os.Geteuid()), readers)
	d.calls = limit.New(limit.Config{Limits: d.callLimits, Counted: countedCalls(), Logger: o.Logger})
	log := audit.New(d.log, audit.Config{Role: func(p *peercred.Peer) string { return authz.RoleName(d.authorizer.Role(p)) }})
	d.peers = peercred.New(d.connectionLimits, log.Refused)
	d.server = d.newServer(log)
	d.health = health.NewServer()
	d.containers = newContainers(cfg, o.Root, d.maxRecordBytes, o.Logger)
	d.usage = newUsage(cfg, host.Name, o.Root, d.containers, o.Logger)
	if d.metrics, err = d.newMetrics(o.Root, d.usage.sampler, d.usage.historyBytes); err != nil {
		return nil, err
	}
	d.register(host, reader, engine)
	healthpb.RegisterHealthServer(d.server, d.health)
	if cfg.Server.Reflection {
		reflection.Register(d.server)
	}
	services := d.server.GetServiceInfo()
	if err := d.authorizer.Bind(services); err != nil {
		return nil, fmt.Errorf("authorisation: %w", err)
	}
	for name := range services {
		d.health.SetServingStatus(name, healthpb.HealthCheckResponse_SERVING)
	}
	return d, nil
}

// warnUnreadable logs that the journal's directory cannot be opened now, so that a mistyped one does not look like a quiet
// node. noded serves all the same: the journal may come later.
func (d *Daemon) warnUnreadable() {
	directory, err := os.Open(d.location)
	if err == nil {
		err = directory.Close()
	}
	if err != nil {
		d.log.Warn("the journal cannot be read; nodectl status tells when it can", "err", err)
	}
}

// register registers the services of noded.v1.
func (d *Daemon) register(host service.Host, reader service.Journal, engine string) {
	nodedv1.RegisterJournalServiceServer(d.server, service.NewJournal(service.JournalConfig{
		Node:     host.Name,
		Journal:  reader,
		Catalog:  openCatalog(d.log),
		Language: language(os.Getenv),
		Logger:   d.log,
		Limits:   d.recordLimits,
	}))
	nodedv1.RegisterLogServiceServer(d.server, service.NewLog(service.LogConfig{
		Node:      host.Name,
		Inventory: d.containers.inventory,
		Logs:      d.containers.logs,
		Limits:    d.recordLimits,
	}))
	nodedv1.RegisterRuntimeServiceServer(d.server, service.NewRuntime(service.RuntimeConfig{
		Node:      host.Name,
		Inventory: d.containers.inventory,
	}))
	d.stats = service.NewStats(service.StatsConfig{
		Host:     host,
		Stats:    d.usage.sampler,
		Interval: d.usage.sampler.Interval(),
	})
	nodedv1.RegisterStatsServiceServer(d.server, d.stats)
	nodedv1.RegisterNodeServiceServer(d.server, service.NewNode(service.NodeConfig{
		Host:        host,
		Version:     d.options.Version,
		Started:     time.Now(),
		Journal:     reader,
		Engine:      engine,
		Location:    d.location,
		Containers:  &d.containers.health,
		Stats:       &d.usage.health,
		OpenStreams: d.calls.Open,
	}))
}

// newServer returns a server without services. The interceptors are in the order in which they see a call: the audit
// sees what the others refuse, and nothing of a caller without a role is counted.
func (d *Daemon) newServer(log *audit.Log) *grpc.Server {
	return grpc.NewServer(
		grpc.Creds(d.peers),
		grpc.StatsHandler(log),
		grpc.ChainUnaryInterceptor(log.Unary, d.authorizer.Unary, d.calls.Unary),
		grpc.ChainStreamInterceptor(log.Stream, d.authorizer.Stream, d.calls.Stream),
		grpc.UnknownServiceHandler(unknownMethod),
		grpc.ForceServerCodecV2(new(wire.Codec)),
		grpc.WriteBufferSize(writeBufferBytes),
		grpc.MaxRecvMsgSize(d.loaded.Config.Limits.MaxRequestBytes),
		grpc.MaxConcurrentStreams(maxConcurrentStreams),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.ConnectionTimeout(connectionTimeout),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPing, PermitWithoutStream: true}),
		grpc.WaitForHandlers(true),
	)
}

// countedCalls returns a test for the methods that read the journal or logs, that last, or whose answers can be large: those are counted.
func countedCalls() func(method string) bool {
	names := make(map[string]bool)
	for _, desc := range []*grpc.ServiceDesc{&nodedv1.JournalService_ServiceDesc, &nodedv1.LogService_ServiceDesc} {
		for _, m := range desc.Methods {
			names["/"+desc.ServiceName+"/"+m.MethodName] = true
		}
		for _, m := range desc.Streams {
			names["/"+desc.ServiceName+"/"+m.StreamName] = true
		}
	}
	names[nodedv1.RuntimeService_Watch_FullMethodName] = true
	names[nodedv1.StatsService_List_FullMethodName] = true
	names[nodedv1.StatsService_Query_FullMethodName] = true
	names[nodedv1.StatsService_Watch_FullMethodName] = true
	names[nodedv1.StatsService_WatchList_FullMethodName] = true
	return func(method string) bool { return names[method] }
}

// unknownMethod answers for methods that are not served. The interceptors see the call first.
func unknownMethod(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	return authz.UnknownMethod(method)
}

func (d *Daemon) callLimits() limit.Limits {
	l := d.limits.Load()
	return limit.Limits{Total: l.MaxStreams, PerUser: l.MaxStreamsPerUser, SendTimeout: l.SendTimeout}
}

func (d *Daemon) connectionLimits() peercred.Limits {
	l := d.limits.Load()
	return peercred.Limits{Total: l.MaxConnections, PerUser: l.MaxConnectionsPerUser}
}

func (d *Daemon) recordLimits() service.Limits {
	l := d.limits.Load()
	return service.Limits{MaxRecordBytes: l.MaxRecordBytes, MaxBatchBytes: l.MaxBatchBytes, MaxPatternBytes: l.MaxPatternBytes}
}

func (d *Daemon) maxRecordBytes() int { return d.limits.Load().MaxRecordBytes }

func (d *Daemon) warnNoReaders(g authz.Group) {
	if g.Name != "" && !g.Exists {
		d.log.Warn("the reader group does not exist; only root and the user that noded runs as can read", "group", g.Name)
	}
}

// systemJournal returns the directory in which journald keeps the journal of the machine: the persistent one if there
// is one, else the volatile one. Both are read.
func systemJournal(root string) string {
	const persistent, volatile = "/var/log/journal", "/run/log/journal"
	if _, err := os.Stat(filepath.Join(root, persistent)); err == nil {
		return persistent
	}
	if _, err := os.Stat(filepath.Join(root, volatile)); err == nil {
		return volatile
	}
	return persistent
}

// language returns the language of messages in the form of catalog names, de_DE, by the variables of locale(7).
func language(getenv func(string) string) string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := getenv(name); value != "" {
			value, _, _ = strings.Cut(value, ".")
			value, _, _ = strings.Cut(value, "@")
			return value
		}
	}
	return ""
}

// openCatalog opens the message catalog of this machine. Without it records have no explanations.
func openCatalog(logger *slog.Logger) service.Catalog {
	c, err := catalog.Open(catalog.DefaultPath)
	if err != nil {
		logger.Warn("there are no catalog texts", "path", catalog.DefaultPath, "err", err)
		return nil
	}
	return c
}

// openJournal returns the journal that the configuration names and the name of its engine.
func openJournal(cfg *config.Config, maxRecordBytes func() int, logger *slog.Logger) (*journal.Local, string, error) {
	engine, err := newSizedEngine(cfg.Journal.Engine, maxRecordBytes)
	if err != nil {
		return nil, "", err
	}
	local := &journal.Local{Engine: engine, Source: journal.Source{Directory: cfg.Journal.Directory}, OnWatchError: func(err error) {
		logger.Warn("a follower looks for new entries now and then", "err", err)
	}}
	return local, engine.Name(), nil
}
