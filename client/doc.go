// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package client talks to a noded. Its methods mirror those of journal.Local, so that a
// program can read the journal of a node as it reads files:
//
//	c, err := client.Dial(client.Config{Address: client.DefaultAddress})
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	query := journal.NewQuery()
//	query.Filter.Units = []string{"kubelet.service"}
//	query.Follow = true
//	err = c.Read(ctx, client.ReadRequest{Query: query}, handler)
//
// A read that breaks, because noded was restarted or a connection was cut, goes on by
// cursor where it stopped: nothing is lost and nothing is repeated. Errors that a person can do
// something about are an *Error, whose Hint is the next step.
//
// # Security
//
// This version connects to unix sockets only; the server knows the caller by the
// credentials of the socket. What a server sends is bounded by MaxMessageBytes a message. Entries were
// written by others: package output makes them safe for a terminal.
package client
