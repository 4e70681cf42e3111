// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/noded/noded/daemon"
	"github.com/noded/noded/daemon/config"
	"github.com/noded/noded/daemon/notify"
	"github.com/noded/noded/daemon/socket"
	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
)

// startOpen serves on a socket that every user can connect to.
func startOpen(t *testing.T, yaml string) *running {
	t.Helper()
	directory, err := os.MkdirTemp("", "noded-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(directory) })
	if err := os.Chmod(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(directory, "s")
	r := start(t, &fakeJournal{}, yaml, func(o *daemon.Options) {
		o.Loaded.Config.Server.Socket = path
		o.Loaded.Config.Server.SocketMode = 0o666
	})
	r.socket, r.address = path, "unix://"+path
	return r
}

// callAs calls the daemon as another user and returns the status as text.
func callAs(t *testing.T, address string, uid, gid uint32, groups ...uint32) string {
	t.Helper()
	out, err := clientAs(address, uid, gid, groups...).CombinedOutput()
	if err != nil {
		t.Fatalf("call as %d: %v\n%s", uid, err, out)
	}
	return string(out)
}

func clientAs(address string, uid, gid uint32, groups ...uint32) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{clientVariable + "=" + address}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid, Groups: groups}}
	return cmd
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs root")
		}
		t.Skip("needs root, to call as other users")
	}
}

func TestWhoMayCall(t *testing.T) {
	t.Parallel()
	needRoot(t)
	r := startOpen(t, "server: {reader_group: 4242}")
	many := make([]uint32, 100)
	for i := range many {
		many[i] = uint32(5000 + i)
	}
	tests := []struct {
		name     string
		uid, gid uint32
		groups   []uint32
		want     string
	}{
		{"root", 0, 0, nil, "OK: "},
		{"primary group", 65534, 4242, nil, "OK: "},
		{"supplementary group", 65534, 65534, []uint32{7, 4242}, "OK: "},
		{"last of many groups", 65534, 65534, append(slices.Clone(many), 4242), "OK: "},
		{"nobody", 65534, 65534, many, "PermissionDenied: user nobody (uid 65534) is not in group 4242"},
		{"without a name", 54321, 54321, nil, "PermissionDenied: user 54321 is not in group 4242"},
		{"group 0", 65534, 0, nil, "PermissionDenied: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := callAs(t, r.address, tt.uid, tt.gid, tt.groups...); !strings.HasPrefix(got, tt.want) {
				t.Errorf("call = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSocketModeRefusesOthers(t *testing.T) {
	t.Parallel()
	needRoot(t)
	r := startOpen(t, "")
	if err := os.Chmod(r.socket, 0o660); err != nil {
		t.Fatal(err)
	}
	if got := callAs(t, r.address, 65534, 65534); !strings.Contains(got, "permission denied") {
		t.Errorf("call = %q", got)
	}
}

func TestDenialsAreLimitedInTheLog(t *testing.T) {
	t.Parallel()
	needRoot(t)
	r := startOpen(t, "server: {reader_group: \"\"}")
	cmd := clientAs(r.address, 65534, 65534)
	cmd.Env = append(cmd.Env, repeatVariable+"=15")
	if out, err := cmd.CombinedOutput(); err != nil || strings.Count(string(out), "only root may") != 15 {
		t.Fatalf("calls = %q, %v", out, err)
	}
	if n := strings.Count(r.log.String(), "result=PermissionDenied"); n != 10 {
		t.Errorf("%d lines about 15 denials, want 10", n)
	}
}

func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	needRoot(t)
	r := startOpen(t, "server: {reader_group: 4242}\nlimits: {max_connections: 2, max_connections_per_user: 1}")
	for range 3 {
		if got := callAs(t, r.address, 65534, 4242); !strings.HasPrefix(got, "OK") {
			t.Errorf("call = %q", got)
		}
	}
	cmd := clientAs(r.address, 65534, 4242)
	cmd.Env = append(cmd.Env, holdVariable+"="+r.socket)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "Unavailable") {
		t.Errorf("call beside another connection = %q, %v", out, err)
	}
	if !strings.Contains(r.log.String(), "limits.max_connections_per_user") {
		t.Errorf("the log says nothing of it:\n%s", r.log)
	}
}

func TestSecondDaemonIsRefused(t *testing.T) {
	t.Parallel()
	r := start(t, &fakeJournal{}, "", nil)
	loaded := load(t, "")
	loaded.Config.Server.Socket = r.socket
	err := daemon.Run(t.Context(), daemon.Options{Loaded: loaded, Logger: discard(), Journal: &fakeJournal{}})
	if !errors.Is(err, socket.ErrInUse) {
		t.Errorf("second daemon: %v", err)
	}
	if _, err := nodedv1.NewJournalServiceClient(r.dial(t)).ListBoots(t.Context(), &nodedv1.ListBootsRequest{}); err != nil {
		t.Errorf("the first one: %v", err)
	}
}

func TestReload(t *testing.T) {
	t.Parallel()
	next := make(chan func() (*config.Loaded, error), 1)
	hangup := make(chan os.Signal)
	messages := make(chan string, 100)
	r := start(t, &fakeJournal{read: follow(1)}, "", func(o *daemon.Options) {
		o.Hangup = hangup
		o.Reload = func() (*config.Loaded, error) { return (<-next)() }
		o.Notifier = notify.New(func(m string) error { messages <- m; return nil }, 0, o.Logger)
	})
	reload := func(f func() (*config.Loaded, error)) {
		t.Helper()
		next <- f
		hangup <- syscall.SIGHUP
		if m := <-messages; !strings.HasPrefix(m, "RELOADING=1\nMONOTONIC_USEC=") {
			t.Errorf("notified %q, want RELOADING", m)
		}
		if m := <-messages; !strings.HasPrefix(m, "READY=1\n") {
			t.Errorf("notified %q, want READY", m)
		}
	}
	if m := <-messages; !strings.HasPrefix(m, "READY=1\nSTATUS=serving ") {
		t.Errorf("notified %q, want READY", m)
	}
	read := func() error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		client := nodedv1.NewJournalServiceClient(r.dial(t))
		for range 2 {
			stream, err := client.Read(ctx, &nodedv1.JournalServiceReadRequest{Follow: true})
			if err == nil {
				_, err = stream.Recv()
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	if err := read(); err != nil {
		t.Fatal(err)
	}
	reload(func() (*config.Loaded, error) { return nil, errors.New("line 3 is bad") })
	if !strings.Contains(r.log.String(), "line 3 is bad") {
		t.Errorf("the log says nothing:\n%s", r.log)
	}
	if err := read(); err != nil {
		t.Errorf("after a bad file: %v", err)
	}
	reload(func() (*config.Loaded, error) {
		return load(t, "limits: {max_streams_per_user: 1}\njournal: {directory: /elsewhere}"), nil
	})
	for _, want := range []string{"changed=[limits.max_streams_per_user]", "needs a restart", "key=journal.directory"} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, r.log)
		}
	}
	if err := read(); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("the new limit is not in force: %v", err)
	}
}

func TestWatchdogBeatsWhileServing(t *testing.T) {
	t.Parallel()
	messages := make(chan string, 100)
	start(t, &fakeJournal{}, "limits: {max_connections: 1, max_connections_per_user: 1}", func(o *daemon.Options) {
		o.Notifier = notify.New(func(m string) error {
			select {
			case messages <- m:
			default:
			}
			return nil
		}, 400*time.Millisecond, o.Logger)
	})
	beats := 0
	for m := range messages {
		if m == "WATCHDOG=1" {
			beats++
		}
		if beats == 3 {
			return
		}
	}
}

// TestUnknownMethods: a call of a method that does not exist is refused as such, and leaves its line in the log.
func TestUnknownMethods(t *testing.T) {
	t.Parallel()
	r := start(t, &fakeJournal{}, "", nil)
	conn := r.dial(t)
	for _, method := range []string{"/noded.v1.JournalService/Write", "/none.v1.Service/Get"} {
		err := conn.Invoke(t.Context(), method, &nodedv1.GetNodeRequest{}, &nodedv1.GetNodeResponse{})
		if status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: %v", method, err)
		}
		waitFor(t, func() bool { return strings.Contains(r.log.String(), "method="+method) })
	}
}

// TestHeadersComeAtOnce: a client of a read that has nothing to say yet knows that it began; of one that is
// refused, that it did not.
func TestHeadersComeAtOnce(t *testing.T) {
	t.Parallel()
	wait := func(ctx context.Context, _ journal.Query, _ journal.Sink) error { <-ctx.Done(); return ctx.Err() }
	client := nodedv1.NewJournalServiceClient(start(t, &fakeJournal{read: wait}, "", nil).dial(t))
	stream, err := client.Read(t.Context(), &nodedv1.JournalServiceReadRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if header, err := stream.Header(); header == nil || err != nil {
		t.Errorf("Header = %v, %v", header, err)
	}
	stream, err = client.Read(t.Context(), &nodedv1.JournalServiceReadRequest{Cursor: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if header, err := stream.Header(); header != nil || err != nil {
		t.Errorf("Header of a refused read = %v, %v", header, err)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	r := start(t, &fakeJournal{}, "", nil)
	client := healthpb.NewHealthClient(r.dial(t))
	for _, name := range []string{"", "noded.v1.JournalService", "noded.v1.NodeService"} {
		m, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: name})
		if err != nil || m.GetStatus() != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("Check(%q) = %v, %v", name, m, err)
		}
	}
}

func TestReflectionCanBeOff(t *testing.T) {
	t.Parallel()
	r := start(t, &fakeJournal{}, "server: {reflection: false}", nil)
	stream, err := reflectionv1.NewServerReflectionClient(r.dial(t)).ServerReflectionInfo(t.Context())
	if err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("reflection: %v", err)
	}
}

// TestReflectionOnlyClient reads entries knowing nothing but reflection.
func TestReflectionOnlyClient(t *testing.T) {
	t.Parallel()
	r := start(t, &fakeJournal{read: follow(3)}, "", nil)
	conn := r.dial(t)
	method := describe(t, conn, "noded.v1.JournalService").Methods().ByName("Read")
	full := "/" + string(method.Parent().FullName()) + "/" + string(method.Name())
	stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, full)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(stream.SendMsg(dynamicpb.NewMessage(method.Input())), stream.CloseSend()); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for {
		m := dynamicpb.NewMessage(method.Output())
		if err := stream.RecvMsg(m); err != nil {
			break
		}
		batch := m.Get(method.Output().Fields().ByName("batch")).Message()
		entries := batch.Get(batch.Descriptor().Fields().ByName("entries")).List()
		for i := range entries.Len() {
			lines = append(lines, dynamicMessage(entries.Get(i).Message()))
		}
	}
	if want := []string{"line 0", "line 1", "line 2"}; !slices.Equal(lines, want) {
		t.Errorf("lines = %q, want %q", lines, want)
	}
}

// dynamicMessage returns the field MESSAGE of an entry.
func dynamicMessage(entry protoreflect.Message) string {
	fields := entry.Get(entry.Descriptor().Fields().ByName("fields")).List()
	for i := range fields.Len() {
		f := fields.Get(i).Message()
		d := f.Descriptor().Fields()
		if f.Get(d.ByName("name")).String() == "MESSAGE" {
			return string(f.Get(d.ByName("value")).Bytes())
		}
	}
	return ""
}

// describe asks the server for the descriptor of a service.
func describe(t *testing.T, conn *grpc.ClientConn, service string) protoreflect.ServiceDescriptor {
	t.Helper()
	stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	ask := func(request *reflectionv1.ServerReflectionRequest) {
		if err := stream.Send(request); err != nil {
			t.Fatal(err)
		}
		answer, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		for _, data := range answer.GetFileDescriptorResponse().GetFileDescriptorProto() {
			file := &descriptorpb.FileDescriptorProto{}
			if err := proto.Unmarshal(data, file); err != nil {
				t.Fatal(err)
			}
			set.File = append(set.File, file)
		}
	}
	ask(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: service}})
	have := func(name string) bool {
		return slices.ContainsFunc(set.GetFile(), func(f *descriptorpb.FileDescriptorProto) bool { return f.GetName() == name })
	}
	for i := 0; i < len(set.File); i++ { //nolint:intrange // the list grows meanwhile
		for _, name := range set.File[i].GetDependency() {
			if !have(name) {
				ask(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_FileByFilename{FileByFilename: name}})
			}
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	d, err := files.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		t.Fatal(err)
	}
	return d.(protoreflect.ServiceDescriptor)
}
