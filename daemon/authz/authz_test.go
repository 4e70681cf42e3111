// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package authz

import (
	"context"
	"net"
	"os/user"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/noded/noded/daemon/peercred"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
)

func services(names map[string][]string) map[string]grpc.ServiceInfo {
	out := make(map[string]grpc.ServiceInfo)
	for service, methods := range names {
		var info grpc.ServiceInfo
		for _, m := range methods {
			info.Methods = append(info.Methods, grpc.MethodInfo{Name: m})
		}
		out[service] = info
	}
	return out
}

func TestTable(t *testing.T) {
	t.Parallel()
	table, err := NewTable(services(map[string][]string{
		"noded.v1.JournalService":                  {"Read", "ListUnits", "ListBoots", "ListFields", "ListFieldValues", "GetUsage"},
		"noded.v1.NodeService":                     {"GetNode", "GetHealth"},
		"grpc.health.v1.Health":                    {"Check", "Watch", "List"},
		"grpc.reflection.v1.ServerReflection":      {"ServerReflectionInfo"},
		"grpc.reflection.v1alpha.ServerReflection": {"ServerReflectionInfo"},
	}), protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	const stats, reader = nodedv1.Role_ROLE_STATS, nodedv1.Role_ROLE_READER
	want := Table{
		"/noded.v1.JournalService/Read":                                  reader,
		"/noded.v1.JournalService/ListUnits":                             reader,
		"/noded.v1.JournalService/ListBoots":                             reader,
		"/noded.v1.JournalService/ListFields":                            reader,
		"/noded.v1.JournalService/ListFieldValues":                       reader,
		"/noded.v1.JournalService/GetUsage":                              reader,
		"/noded.v1.NodeService/GetNode":                                  stats,
		"/noded.v1.NodeService/GetHealth":                                stats,
		"/grpc.health.v1.Health/Check":                                   stats,
		"/grpc.health.v1.Health/Watch":                                   stats,
		"/grpc.health.v1.Health/List":                                    stats,
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo":      reader,
		"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": reader,
	}
	if diff := cmp.Diff(want, table); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestMethodWithoutRoleIsRefusedAtStart(t *testing.T) {
	t.Parallel()
	a := New(0, Group{})
	err := a.Bind(services(map[string][]string{
		"noded.v1.NodeService":   {"GetNode", "NotInTheDescriptor"},
		"unknown.v1.Service":     {"Call"},
		"grpc.channelz.v1.Thing": {"Get"},
	}))
	if err == nil {
		t.Fatal("Bind found no method without role")
	}
	for _, want := range []string{"/noded.v1.NodeService/NotInTheDescriptor", "/unknown.v1.Service/Call", "/grpc.channelz.v1.Thing/Get"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not name %s: %v", want, err)
		}
	}
	// Nothing was bound: everything stays refused, for root too.
	if err := a.Authorize(as(&peercred.Peer{}), "/noded.v1.NodeService/GetNode"); status.Code(err) != codes.Unavailable {
		t.Errorf("Authorize without a table = %v", err)
	}
}

func as(p *peercred.Peer) context.Context {
	return peer.NewContext(context.Background(), &peer.Peer{Addr: &net.UnixAddr{}, AuthInfo: p})
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	a := New(1000, Group{Name: "noded", GID: 50, Exists: true})
	if err := a.Bind(services(map[string][]string{"noded.v1.JournalService": {"Read"}})); err != nil {
		t.Fatal(err)
	}
	const read = "/noded.v1.JournalService/Read"
	tests := []struct {
		name   string
		peer   *peercred.Peer
		method string
		code   codes.Code
	}{
		{"root", &peercred.Peer{UID: 0, GID: 9}, read, codes.OK},
		{"own user", &peercred.Peer{UID: 1000, GID: 9}, read, codes.OK},
		{"primary group", &peercred.Peer{UID: 7, GID: 50}, read, codes.OK},
		{"supplementary group", &peercred.Peer{UID: 7, GID: 9, Groups: []uint32{1, 50}}, read, codes.OK},
		{"other", &peercred.Peer{UID: 7, GID: 9, Groups: []uint32{1, 51}}, read, codes.PermissionDenied},
		{"gid of root is no role", &peercred.Peer{UID: 7, GID: 0}, read, codes.PermissionDenied},
		{"method not in the table", &peercred.Peer{UID: 0}, "/noded.v1.JournalService/Write", codes.Unimplemented},
		{"method not in the table, no role", &peercred.Peer{UID: 7}, "/noded.v1.JournalService/Write", codes.PermissionDenied},
		{"no slash", &peercred.Peer{UID: 0}, "noded.v1.JournalService/Read", codes.Unimplemented},
		{"longer", &peercred.Peer{UID: 0}, read + "/x", codes.Unimplemented},
		{"prefix", &peercred.Peer{UID: 0}, "/noded.v1.JournalService/", codes.Unimplemented},
		{"case", &peercred.Peer{UID: 0}, "/noded.v1.journalservice/read", codes.Unimplemented},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := a.Authorize(as(tt.peer), tt.method); status.Code(err) != tt.code {
				t.Errorf("Authorize = %v, want %v", err, tt.code)
			}
		})
	}
	if err := a.Authorize(context.Background(), read); status.Code(err) != codes.Unauthenticated {
		t.Errorf("without a peer: %v", err)
	}
	foreign := peer.NewContext(context.Background(), &peer.Peer{AuthInfo: credentials.TLSInfo{}})
	if err := a.Authorize(foreign, read); status.Code(err) != codes.Unauthenticated {
		t.Errorf("with other credentials: %v", err)
	}
}

func TestReadersCanChange(t *testing.T) {
	t.Parallel()
	a := New(1000, Group{})
	p := &peercred.Peer{UID: 7, GID: 0}
	if got := a.Role(p); got != nodedv1.Role_ROLE_UNSPECIFIED {
		t.Errorf("group that does not exist: %v", got)
	}
	a.SetReaders(Group{Name: "g", GID: 0, Exists: true})
	if got := a.Role(p); got != nodedv1.Role_ROLE_READER {
		t.Errorf("group 0 as readers: %v", got)
	}
}

func TestLookupGroup(t *testing.T) {
	t.Parallel()
	root, err := user.LookupGroupId("0")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		want Group
	}{
		{"", Group{}},
		{root.Name, Group{Name: root.Name, GID: 0, Exists: true}},
		{"4242", Group{Name: "4242", GID: 4242, Exists: true}},
		{"no-such-group-here", Group{Name: "no-such-group-here"}},
	}
	for _, tt := range tests {
		if got, err := LookupGroup(tt.name); err != nil || got != tt.want {
			t.Errorf("LookupGroup(%q) = %+v, %v, want %+v", tt.name, got, err, tt.want)
		}
	}
}

func TestHints(t *testing.T) {
	t.Parallel()
	p := &peercred.Peer{UID: 54321}
	tests := []struct {
		readers       Group
		message, hint string
	}{
		{Group{}, "user 54321 may not read the logs of this node: only root may (server.reader_group is empty)", "sudo, or set server.reader_group in noded.yaml(5)"},
		{Group{Name: "logs", GID: 5, Exists: true}, "user 54321 is not in group logs", "sudo usermod -aG logs 54321, then log in again"},
		{Group{Name: "logs"}, "user 54321 is not in group logs, which this node does not have",
			"sudo groupadd --system logs && sudo usermod -aG logs 54321 && sudo systemctl restart noded, then log in again"},
	}
	for _, tt := range tests {
		a := New(1000, tt.readers)
		if err := a.Bind(services(map[string][]string{"noded.v1.JournalService": {"Read"}})); err != nil {
			t.Fatal(err)
		}
		err := a.Authorize(as(p), "/noded.v1.JournalService/Read")
		if got := status.Convert(err).Message(); got != tt.message || wire.Hint(err) != tt.hint {
			t.Errorf("%+v: %q, hint %q, want %q, hint %q", tt.readers, got, wire.Hint(err), tt.message, tt.hint)
		}
	}
}
