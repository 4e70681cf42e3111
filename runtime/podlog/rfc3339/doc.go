// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rfc3339 reads the times of log lines: what time.Parse accepts as time.RFC3339Nano, and nothing else, but faster where
// one time follows another of the same minute, as in logs they do.
//
//	var p rfc3339.Parser
//	ns, zone, ok := p.Parse(line[:bytes.IndexByte(line, ' ')])
package rfc3339
