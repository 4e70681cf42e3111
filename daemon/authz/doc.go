// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package authz decides who may call what. Each method has a required role, taken from the required_role option
// in the .proto; what has none cannot be served, and what is not in the table is refused.
//
//	authorizer := authz.New(os.Geteuid(), readerGroup)
//	server := grpc.NewServer(grpc.ChainUnaryInterceptor(authorizer.Unary), grpc.ChainStreamInterceptor(authorizer.Stream))
//	nodedv1.RegisterNodeServiceServer(server, node)
//	if err := authorizer.Bind(server.GetServiceInfo()); err != nil {
//		return err
//	}
//
// # Security
//
// Methods are compared by their exact full name, never by a part of it. An Authorizer without a table
// refuses everything.
package authz
