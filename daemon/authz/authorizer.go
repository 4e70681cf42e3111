// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package authz

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/noded/noded/daemon/peercred"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
)

// Group is a resolved group of the system.
type Group struct {
	Name string
	GID  uint32
	// Exists is false when the system has no group of that name: then it has no members.
	Exists bool
}

// LookupGroup resolves a group by name or number. The empty name is a group without members. A group that does
// not exist is not an error.
func LookupGroup(name string) (Group, error) {
	if name == "" {
		return Group{}, nil
	}
	if gid, err := strconv.ParseUint(name, 10, 32); err == nil {
		return Group{Name: name, GID: uint32(gid), Exists: true}, nil
	}
	g, err := user.LookupGroup(name)
	var unknown user.UnknownGroupError
	if errors.As(err, &unknown) {
		return Group{Name: name}, nil
	}
	if err != nil {
		return Group{}, fmt.Errorf("look up group %s: %w", name, err)
	}
	gid, err := strconv.ParseUint(g.Gid, 10, 32)
	if err != nil {
		return Group{}, fmt.Errorf("look up group %s: %w", name, err)
	}
	return Group{Name: name, GID: uint32(gid), Exists: true}, nil
}

// Authorizer refuses calls that their caller may not make. It is safe for concurrent use.
type Authorizer struct {
	self    uint32
	readers atomic.Pointer[Group]
	table   atomic.Pointer[Table]
}

// New returns an Authorizer that refuses everything until Bind gives it the methods. Callers with uid self,
// the one that the server runs as, are readers.
func New(self uint32, readers Group) *Authorizer {
	a := &Authorizer{self: self}
	a.SetReaders(readers)
	return a
}

// SetReaders changes the group whose members are readers. It applies to calls that begin later.
func (a *Authorizer) SetReaders(g Group) { a.readers.Store(&g) }

// Bind makes the table of the registered services. It is called once, before serving.
func (a *Authorizer) Bind(services map[string]grpc.ServiceInfo) error {
	table, err := NewTable(services, protoregistry.GlobalFiles)
	if err != nil {
		return err
	}
	a.table.Store(&table)
	return nil
}

// Role returns the role of a caller.
func (a *Authorizer) Role(p *peercred.Peer) nodedv1.Role {
	readers := a.readers.Load()
	switch {
	case p.UID == 0:
		return nodedv1.Role_ROLE_ADMIN
	case p.UID == a.self, readers.Exists && p.Member(readers.GID):
		return nodedv1.Role_ROLE_READER
	default:
		return nodedv1.Role_ROLE_UNSPECIFIED
	}
}

// Authorize returns nil if the caller of ctx may call the method, else a PermissionDenied status with a hint
// what to do about it, or Unimplemented if there is no such method.
func (a *Authorizer) Authorize(ctx context.Context, method string) error {
	caller, ok := peercred.FromContext(ctx)
	if !ok {
		return status.Error(codes.Unauthenticated, "the connection has no peer credentials")
	}
	table := a.table.Load()
	if table == nil {
		return status.Error(codes.Unavailable, "noded is starting")
	}
	required, known := (*table)[method]
	role := a.Role(caller)
	switch {
	case role == nodedv1.Role_ROLE_UNSPECIFIED:
		return a.refuse(caller)
	case !known || required == nodedv1.Role_ROLE_UNSPECIFIED:
		return UnknownMethod(method)
	case role >= required:
		return nil
	default:
		return wire.Refusal(codes.PermissionDenied, wire.ReasonDenied,
			fmt.Sprintf("%s needs role %s, you are %s", method, RoleName(required), RoleName(role)), "ask as root")
	}
}

// UnknownMethod is the status of a call of a method that is not served.
func UnknownMethod(method string) error {
	return status.Errorf(codes.Unimplemented, "there is no method %s", wire.Text(method))
}

// refuse says why a caller has no role, and how to get one.
func (a *Authorizer) refuse(caller *peercred.Peer) error {
	id := strconv.FormatUint(uint64(caller.UID), 10)
	who, name := "user "+id, id
	if u, err := user.LookupId(id); err == nil {
		who, name = fmt.Sprintf("user %s (uid %s)", u.Username, id), u.Username
	}
	readers := a.readers.Load()
	var message, hint string
	switch group := readers.Name; {
	case group == "":
		message = fmt.Sprintf("%s may not read the logs of this node: only root may (server.reader_group is empty)", who)
		hint = "sudo, or set server.reader_group in noded.yaml(5)"
	case !readers.Exists:
		// Under the unit /etc/group is a mount of the file that there was at the start: a reload sees no new group.
		message = fmt.Sprintf("%s is not in group %s, which this node does not have", who, group)
		hint = fmt.Sprintf("sudo groupadd --system %s && sudo usermod -aG %s %s && sudo systemctl restart noded, then log in again", group, group, name)
	default:
		message = fmt.Sprintf("%s is not in group %s", who, group)
		hint = fmt.Sprintf("sudo usermod -aG %s %s, then log in again", group, name)
	}
	return wire.Refusal(codes.PermissionDenied, wire.ReasonDenied, message, hint)
}

// RoleName returns the word for a role: reader, admin.
func RoleName(r nodedv1.Role) string {
	if r == nodedv1.Role_ROLE_UNSPECIFIED {
		return "nobody"
	}
	return strings.ToLower(strings.TrimPrefix(r.String(), "ROLE_"))
}

// Unary is the interceptor of unary calls.
func (a *Authorizer) Unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if err := a.Authorize(ctx, info.FullMethod); err != nil {
		return nil, err
	}
	return handler(ctx, req)
}

// Stream is the interceptor of streams.
func (a *Authorizer) Stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if err := a.Authorize(stream.Context(), info.FullMethod); err != nil {
		return err
	}
	return handler(srv, stream)
}
