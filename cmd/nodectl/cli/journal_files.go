// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
)

func (c *journalCommand) printHeaders() error { return errors.ErrUnsupported }

func (c *journalCommand) verifyFiles(ctx context.Context) error { return errors.ErrUnsupported }
