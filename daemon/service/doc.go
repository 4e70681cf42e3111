// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package service holds the gRPC services of noded. Handlers translate and delegate: messages become values of
// package journal and back in proto/wire, questions go to a Journal, answers are sent in batches.
//
//	server := grpc.NewServer()
//	nodedv1.RegisterJournalServiceServer(server, service.NewJournal(config))
//	nodedv1.RegisterNodeServiceServer(server, service.NewNode(nodeConfig))
//
// Who may call is decided elsewhere, see package authz.
package service
