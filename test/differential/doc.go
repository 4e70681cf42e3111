// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package differential compares nodectl with the machine's own journalctl: every fixture of package
// journaltest with every option combination of combinations.go, read from files and through a
// noded. Text modes and export must be equal byte for byte, JSON modes after parsing, in the same order. What
// is known to differ is in known.go with the reason, and in docs/journalctl.md for people.
package differential
