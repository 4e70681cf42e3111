// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package cli

import "errors"

// suspendProcess cannot be: there is no job control.
func suspendProcess() error { return errors.ErrUnsupported }
