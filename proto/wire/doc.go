// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package wire is the one place where messages of noded.v1 become values of the domain packages (journal,
// runtime/podlog, runtime/inventory, runtime/stats) and back, and where errors cross the API: an error that the server turns into a
// status with Status and the client turns back with Error still answers errors.Is for the sentinels of those packages.
//
//	query, err := wire.QueryFromProto(request)
//	if err != nil {
//		return wire.Status(err)
//	}
//
// The package only translates; it checks no permission and opens nothing.
package wire
