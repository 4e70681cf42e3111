// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package fileset

import (
	"context"
	"errors"
	"time"
)

// notifier is what Linux has.
type notifier struct{}

func openNotifier() (*notifier, error) { return nil, errors.ErrUnsupported }

func (*notifier) watch([]string) error { return errors.ErrUnsupported }

func (*notifier) wait(context.Context, time.Duration) (bool, error) {
	return false, errors.ErrUnsupported
}

func (*notifier) close() error { return nil }
