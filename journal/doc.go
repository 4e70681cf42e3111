// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package journal is the systemd journal as a domain: entries, queries, cursors, and the Reader
// interface behind which engines read journal files. It knows no gRPC and no terminal.
//
// A Local joins an engine and the files that it reads:
//
//	local := &journal.Local{Engine: sdjournal.New(), Source: journal.Source{Directory: "/var/log/journal"}}
//	query := journal.NewQuery()
//	query.Filter.Units = []string{"kubelet.service"}
//	query.Lines = 100
//	err := local.Read(ctx, query, sink)
//
// Engines live in packages of their own; every engine passes the conformance suite of package
// journaltest. The package never writes to a journal.
//
// # Security
//
// Everything in an entry was written by somebody else. Only fields whose name
// begins with an underscore were set by journald itself; no identity is taken from others.
package journal
