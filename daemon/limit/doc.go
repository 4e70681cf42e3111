// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package limit bounds what calls can take: how many run at a time, in total and of one user, how long
// a client may leave what is sent to it untaken, and how long calls live when the server stops.
//
//	calls := limit.New(limit.Config{Limits: current, Counted: isJournalMethod, Logger: logger})
//	server := grpc.NewServer(grpc.ChainUnaryInterceptor(calls.Unary), grpc.ChainStreamInterceptor(calls.Stream))
//	...
//	calls.Stop() // calls end with Unavailable
//	server.GracefulStop()
//	calls.Wait()
//
// Nothing is queued: a call over a limit is refused at once with ResourceExhausted.
package limit
