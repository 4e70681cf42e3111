// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/noded/noded/daemon"
	"github.com/noded/noded/daemon/config"
	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
)

// clientVariable makes the test binary a client that calls the address in it once and prints the status: so
// tests can call as another user.
const clientVariable = "NODED_TEST_CLIENT"

func TestMain(m *testing.M) {
	if address := os.Getenv(clientVariable); address != "" {
		callOnce(address)
		return
	}
	goleak.VerifyTestMain(m)
}

// holdVariable makes that client open another connection to the path in it before.
const holdVariable = "NODED_TEST_HOLD"

// repeatVariable makes that client call so many times.
const repeatVariable = "NODED_TEST_REPEAT"

func callOnce(address string) {
	if path := os.Getenv(holdVariable); path != "" {
		held, err := net.Dial("unix", path)
		if err == nil {
			defer held.Close()
			// The server greets first: then it has counted the connection.
			_, err = held.Read(make([]byte, 1))
		}
		if err != nil {
			fmt.Print(err)
			return
		}
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fmt.Print(err)
		return
	}
	defer conn.Close()
	repeat, _ := strconv.Atoi(os.Getenv(repeatVariable))
	for range max(1, repeat) {
		_, err = nodedv1.NewJournalServiceClient(conn).ListBoots(context.Background(), &nodedv1.ListBootsRequest{})
		fmt.Printf("%v: %s", status.Code(err), status.Convert(err).Message())
	}
}

// fakeJournal is a journal made of functions. Those that are nil answer nothing.
type fakeJournal struct {
	read   func(ctx context.Context, q journal.Query, sink journal.Sink) error
	values func(ctx context.Context, name string, yield func([]byte) error) error
	usage  func(ctx context.Context) (journal.Usage, error)
}

func (f *fakeJournal) Read(ctx context.Context, q journal.Query, sink journal.Sink) error {
	if f.read == nil {
		return nil
	}
	return f.read(ctx, q, sink)
}

func (f *fakeJournal) Boots(context.Context) ([]journal.Boot, error) {
	return []journal.Boot{{ID: journal.ID128{1}, First: 1, Last: 2}, {ID: journal.ID128{2}, First: 3, Last: 4}}, nil
}

func (f *fakeJournal) Units(_ context.Context, patterns []string, user bool) ([]string, error) {
	return append([]string{fmt.Sprint("user=", user)}, patterns...), nil
}

func (f *fakeJournal) FieldNames(context.Context) ([]string, error) {
	return []string{"MESSAGE", "PRIORITY"}, nil
}

func (f *fakeJournal) FieldValues(ctx context.Context, name string, yield func([]byte) error) error {
	return f.values(ctx, name, yield)
}

func (f *fakeJournal) Usage(ctx context.Context) (journal.Usage, error) {
	if f.usage == nil {
		return journal.Usage{}, nil
	}
	return f.usage(ctx)
}

// fakeEntry is an entry in memory.
type fakeEntry struct {
	header journal.Header
	fields []journal.Field
	err    error
}

func (e fakeEntry) Header() journal.Header { return e.header }

func (e fakeEntry) Lookup(name string) (journal.Field, error) {
	for _, f := range e.fields {
		if f.Name == name {
			return f, nil
		}
	}
	return journal.Field{}, journal.ErrNoField
}

func (e fakeEntry) AppendFields(dst []journal.Field, mask journal.Mask) ([]journal.Field, error) {
	for _, f := range e.fields {
		if mask.Has(f.Name) {
			dst = append(dst, f)
		}
	}
	return dst, e.err
}

func (e fakeEntry) Split(dst []journal.Field, mask journal.Mask) (*journal.Run, []journal.Field, error) {
	rest, err := e.AppendFields(dst, mask)
	return nil, rest, err
}

func numbered(n int) fakeEntry {
	return fakeEntry{
		header: journal.Header{SeqnumID: journal.ID128{9}, Seqnum: uint64(n + 1), Realtime: journal.Usec(n + 1), BootID: journal.ID128{1}},
		fields: []journal.Field{{Name: "MESSAGE", Value: fmt.Appendf(nil, "line %d", n)}, {Name: "PRIORITY", Value: []byte("6")}},
	}
}

// buffer is a log that goroutines share.
type buffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// running is a daemon that serves, and how to stop it.
type running struct {
	address string
	socket  string
	log     *buffer
	stop    func() error
}

// load returns a configuration with these lines of YAML.
func load(t *testing.T, yaml string) *config.Loaded {
	t.Helper()
	path := filepath.Join(t.TempDir(), "noded.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := config.Load(config.Sources{File: path, FileRequired: true})
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// start serves j until the test ends. change may change the options.
func start(t *testing.T, j *fakeJournal, yaml string, change func(*daemon.Options)) *running {
	t.Helper()
	loaded := load(t, yaml)
	loaded.Config.Server.Socket = filepath.Join(t.TempDir(), "s")
	loaded.Config.Node.Name = "node1"
	if !strings.Contains(yaml, "logs:") {
		// Not those of the machine that the tests run on.
		loaded.Config.Logs = config.Logs{}
		loaded.Config.Runtime = config.Runtime{Sockets: []string{filepath.Join(t.TempDir(), "none")}}
	}
	if !strings.Contains(yaml, "stats:") {
		// The cgroups of the machine come and go with what other tests start.
		loaded.Config.Stats.CgroupRoot = t.TempDir()
	}
	if !strings.Contains(yaml, "state:") {
		loaded.Config.State.Directory = t.TempDir()
	}
	r := &running{log: &buffer{}, socket: loaded.Config.Server.Socket, address: "unix://" + loaded.Config.Server.Socket}
	o := daemon.Options{
		Loaded:  loaded,
		Logger:  slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Version: "test",
	}
	if j != nil {
		o.Journal = j
	}
	if change != nil {
		change(&o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- daemon.Run(ctx, o) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(2 * time.Minute):
			return errors.New("noded does not stop")
		}
	})
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("daemon: %v\n%s", err, r.log)
		}
	})
	waitFor(t, func() bool {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("noded ended: %v\n%s", err, r.log)
		default:
		}
		return strings.Contains(r.log.String(), "msg=serving")
	})
	return r
}

// dial returns a connection that the test's end closes.
func (r *running) dial(t *testing.T, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	options = append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))
	conn, err := grpc.NewClient(r.address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// waitFor polls until ok, for things that another process or goroutine does.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("timed out")
		}
	}
}

// drain receives until the stream ends; io.EOF is nil.
func drain[T any](stream grpc.ServerStreamingClient[T], each func(*T)) error {
	for {
		m, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		each(m)
	}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
