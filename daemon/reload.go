// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"github.com/noded/noded/daemon/authz"
	"github.com/noded/noded/daemon/config"
)

// reload reads the configuration again and applies what can change while noded runs. If it cannot be read
// everything stays as it is.
func (d *Daemon) reload() {
	if d.options.Reload == nil {
		return
	}
	next, err := d.options.Reload()
	if err != nil {
		d.log.Error("the configuration was not reloaded; the old one stays in force", "err", err)
		return
	}
	readers, err := authz.LookupGroup(next.Config.Server.ReaderGroup)
	if err != nil {
		d.log.Error("the configuration was not reloaded; the old one stays in force", "err", err)
		return
	}
	d.warnNoReaders(readers)
	changed := d.tellChanges(next)
	d.authorizer.SetReaders(readers)
	limits := next.Config.Limits
	limits.MaxRequestBytes = d.loaded.Config.Limits.MaxRequestBytes
	d.limits.Store(&limits)
	if d.options.Level != nil {
		d.options.Level.Set(next.Config.Log.Level)
	}
	// What needs a restart is still the old value, so that it is told at every reload until then.
	merged := *d.loaded
	merged.Config.Log.Level = next.Config.Log.Level
	merged.Config.Server.ReaderGroup = next.Config.Server.ReaderGroup
	merged.Config.Limits = limits
	d.loaded = &merged
	d.log.Info("the configuration was reloaded", "changed", changed)
}

// tellChanges logs the values that need a restart to change and returns the keys of the others that changed.
func (d *Daemon) tellChanges(next *config.Loaded) []string {
	changed := []string{}
	for _, k := range config.Keys() {
		before, after := k.Text(&d.loaded.Config), k.Text(&next.Config)
		switch {
		case before == after:
		case k.Reloadable:
			changed = append(changed, k.Name)
		default:
			d.log.Warn("a changed value needs a restart: systemctl restart noded", "key", k.Name, "running", before, "configured", after)
		}
	}
	for _, warning := range next.Warnings {
		d.log.Warn("configuration", "err", warning)
	}
	return changed
}
