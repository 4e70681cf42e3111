// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package logging makes noded's own logger: slog to standard error, in a form that suits where
// standard error leads.
//
//	logger, err := logging.New(os.Stderr, "auto", &level, os.Getenv("JOURNAL_STREAM"))
package logging
