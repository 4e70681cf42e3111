// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package logs proves what package podlog promises: that readers of container logs lose nothing, get nothing twice, and are
// told of what they could not have.
//
// A Log writes the log of a container as a runtime and the kubelet do, with pieces, rotation, compression, removal and restarts; a
// Writer feeds it numbered and checksummed lines at a rate; a Truth knows all of them; a Checker compares what a reader
// delivers with it, and counts the faults that really happened, because a run without them proves nothing.
//
//	truth := logs.NewTruth()
//	log, err := logs.Create(logs.Options{Dir: dir}, truth)
//	...
//	checker := logs.NewChecker(truth)
//	err = reader.Read(ctx, set, query, checker)
//	report := checker.Report()
//
// The tests of the package are those of readers in this process, of noded, and the comparison with the kubelet's own
// reader. "make verify-follow" runs the long one.
package logs
