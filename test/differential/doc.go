// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package differential compares nodectl with the machine's own journalctl: every fixture of package
// journaltest with every option combination of combinations.go, read from files and through a
// noded, by the native engine, and a part of them by libsystemd. nodectl is the static program that is shipped. Text modes and export must be equal byte for byte, JSON modes after parsing, in the same order. What
// is known to differ is in known.go with the reason, and in docs/journalctl.md for people.
package differential
