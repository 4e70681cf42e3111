// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strconv"

	"github.com/spf13/pflag"
)

// switchValue is an option without a value that sets a bool to on: of two that share one the last wins.
type switchValue struct {
	target *bool
	on     bool
}

// addSwitch adds such an option.
func addSwitch(flags *pflag.FlagSet, flag *pflag.Flag, target *bool, on bool) {
	flag.Value, flag.DefValue, flag.NoOptDefVal = &switchValue{target: target, on: on}, "false", "true"
	flags.AddFlag(flag)
}

// Set implements pflag.Value.
func (v *switchValue) Set(s string) error {
	given, err := strconv.ParseBool(s)
	if err != nil {
		return err
	}
	*v.target = given == v.on
	return nil
}

// String implements pflag.Value.
func (v *switchValue) String() string {
	return strconv.FormatBool(v.target != nil && *v.target == v.on)
}

// Type implements pflag.Value.
func (v *switchValue) Type() string { return "bool" }
