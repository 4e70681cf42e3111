// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package audit writes one line of noded's own log for each call: who, in which role, what was asked, how much
// was answered, with which result, and how long it took.
//
// A Log is both a gRPC stats handler, which counts what is sent, and a pair of interceptors, which are
// the outermost so that they see what the others refuse:
//
//	log := audit.New(logger, audit.Config{Role: authorizer.Role})
//	grpc.NewServer(grpc.StatsHandler(log), grpc.ChainUnaryInterceptor(log.Unary, ...), grpc.ChainStreamInterceptor(log.Stream, ...))
//
// Handlers add what only they know:
//
//	audit.FromContext(ctx).Select("unit=kubelet.service follow")
//
// # Security
//
// Lines never hold contents of records. Selectors are what the caller sent: they are cut to a
// length, and the log's own format escapes them. Denials are limited, so that a refused caller
// cannot fill the journal.
package audit
