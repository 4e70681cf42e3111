// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"

	"github.com/noded/noded/journal"
)

// filesHint is the next step where there is neither a journal nor a noded of its own.
const filesHint = "--directory DIR with a copy of a journal, such as /var/log/journal of a node"

// checkPlatform refuses what only Linux has: a journal of this machine, and a noded at the usual place. source is
// nil to ask noded.
func (g *globals) checkPlatform(source *journal.Source) error {
	if g.os == "linux" {
		return nil
	}
	switch {
	case source != nil && (source.Directory != "" || source.Root != "" || len(source.Files) > 0):
		return nil
	case source != nil:
		return &usageError{err: fmt.Errorf("this machine has no systemd journal of its own: it runs %s", g.os), hint: filesHint}
	case g.os == "windows":
		return &usageError{err: errors.New("noded listens on a unix socket, which nodectl does not connect to on windows"), hint: filesHint}
	case g.givenAddress() == "":
		return &usageError{err: fmt.Errorf("there is no noded on this machine: it runs %s", g.os), hint: filesHint + "; or --address unix:///PATH of a socket that is forwarded from a node"}
	default:
		return nil
	}
}
