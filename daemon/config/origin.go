// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import "fmt"

// OriginKind is the kind of place that a value comes from.
type OriginKind uint8

// The kinds of origin.
const (
	OriginDefault OriginKind = iota
	OriginFile
	OriginEnvironment
	OriginFlag
)

// Origin says where a value was set.
type Origin struct {
	Kind OriginKind
	// Name is the path of the file, the environment variable, or the flag with its dashes.
	Name string
	// Line is the line in the file; 0 when it is not known.
	Line int
}

// String returns default, FILE:LINE, the variable or the flag.
func (o Origin) String() string {
	switch {
	case o.Kind == OriginDefault:
		return "default"
	case o.Kind == OriginFile && o.Line > 0:
		return fmt.Sprintf("%s:%d", o.Name, o.Line)
	default:
		return o.Name
	}
}
