// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package engines chooses what reads journal files.
//
//	engine, err := engines.New(engines.Auto)
//	if err != nil {
//		return err
//	}
//	local := &journal.Local{Engine: engine, Source: journal.Source{Directory: "/var/log/journal"}}
//
// Auto is the engine in pure Go, package native. Where a file of the source uses a feature of the format that
// package native does not know, which a newer systemd may write, it is libsystemd instead: the whole source is read by one
// engine, because its entries are merged. When such a file appears while the source is followed, the read goes on with
// libsystemd at the same entry. If libsystemd is missing, not part of the build, or does not know the feature either, the
// source is read by package native, and the file is one of Reader.Problems.
//
// The package opens no files itself.
package engines
