// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"

	"github.com/spf13/pflag"
)

// refusedOption is an option of journalctl that nodectl knows and does not offer.
type refusedOption struct {
	name      string
	shorthand string
	hasValue  bool
	reason    string
}

// refusedOptions lists them with the reason.
func refusedOptions() []refusedOption {
	const readsOnly = "noded only reads"
	return []refusedOption{
		{name: "vacuum-size", hasValue: true, reason: readsOnly},
		{name: "vacuum-files", hasValue: true, reason: readsOnly},
		{name: "vacuum-time", hasValue: true, reason: readsOnly},
		{name: "rotate", reason: readsOnly},
		{name: "sync", reason: readsOnly},
		{name: "synchronize-on-exit", hasValue: true, reason: readsOnly},
		{name: "flush", reason: readsOnly},
		{name: "relinquish-var", reason: readsOnly},
		{name: "smart-relinquish-var", reason: readsOnly},
		{name: "setup-keys", reason: readsOnly},
		{name: "interval", hasValue: true, reason: readsOnly},
		{name: "force", reason: readsOnly},
		{name: "update-catalog", reason: readsOnly},
		{name: "new-id128", reason: "it reads no journal"},
		{name: "list-catalog", reason: "it reads no journal"},
		{name: "dump-catalog", reason: "it reads no journal"},
		{name: "verify-key", hasValue: true, reason: "noded knows no sealing keys"},
		{name: "machine", shorthand: "M", hasValue: true, reason: "noded reads the journal of its own node; --root reads that of a container's tree"},
		{name: "image", hasValue: true, reason: "noded mounts nothing; --root reads a mounted image"},
		{name: "image-policy", hasValue: true, reason: "noded mounts nothing; --root reads a mounted image"},
	}
}

// defineRefused adds the options, hidden, so that they can be told from mistakes.
func defineRefused(flags *pflag.FlagSet) {
	for _, o := range refusedOptions() {
		if o.hasValue {
			flags.StringP(o.name, o.shorthand, "", o.reason)
		} else {
			flags.BoolP(o.name, o.shorthand, false, o.reason)
		}
		flags.Lookup(o.name).Hidden = true
	}
}

// checkRefused returns an error that points to journalctl if such an option was given.
func checkRefused(flags *pflag.FlagSet) error {
	for _, o := range refusedOptions() {
		if flags.Changed(o.name) {
			return &usageError{err: fmt.Errorf("use journalctl --%s: %s", o.name, o.reason), hint: "journalctl --" + o.name}
		}
	}
	return nil
}
