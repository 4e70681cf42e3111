// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile

import (
	"context"
	"io"
)

// VerifyAt is Verify for content that is not in a file.
func VerifyAt(ctx context.Context, r io.ReaderAt, size uint64) error {
	h, err := parseHeader(r, size)
	if err != nil {
		return err
	}
	return verifyAt(ctx, r, &h, nil)
}
