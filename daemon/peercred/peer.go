// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package peercred

import (
	"context"
	"slices"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// Peer is the process at the other end of a connection.
type Peer struct {
	credentials.CommonAuthInfo
	UID uint32
	GID uint32
	// PID is 0 when the process is not visible from here. It identifies nobody.
	PID int32
	// Groups are the supplementary groups.
	Groups []uint32
	// Self: the server called itself. No other process can have it.
	Self bool
}

// AuthType implements credentials.AuthInfo.
func (*Peer) AuthType() string { return "peercred" }

// Member reports whether the peer is in the group, by its primary or a supplementary group.
func (p *Peer) Member(gid uint32) bool { return p.GID == gid || slices.Contains(p.Groups, gid) }

// FromContext returns the caller of a gRPC handler. ok is false when the connection
// was not made through these credentials.
func FromContext(ctx context.Context) (caller *Peer, ok bool) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil, false
	}
	caller, ok = p.AuthInfo.(*Peer)
	return caller, ok
}
