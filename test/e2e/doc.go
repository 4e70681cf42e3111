// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package e2e tests what users install: the packages, in a booted node, with real systemd and journald.
//
//	make e2e
//
// Its tests have the build tag e2e and find the packages in $NODED_DIST/e2e, where "make e2e" builds them: the
// version under test, the same once more in again/, and a newer one in new/.
package e2e
