// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package peercred is the identity of callers on a unix socket: gRPC transport credentials that ask the
// kernel who is at the other end.
//
//	server := grpc.NewServer(grpc.Creds(peercred.New(limits)))
//	...
//	caller, ok := peercred.FromContext(ctx)
//
// # Security
//
// The identity is the one that the caller had when it connected (SO_PEERCRED, SO_PEERGROUPS); nothing that
// it sends can change it. The process id can be reused and is for log lines only.
package peercred
