// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

// Level is a severity as --level takes it, most severe first.
type Level uint8

// The levels, each with the syslog priorities that it covers.
const (
	// LevelUnknown: no level was found, or none is asked for.
	LevelUnknown Level = iota
	LevelFatal         // 0 to 2: emerg, alert, crit
	LevelError         // 3: err
	LevelWarning       // 4: warning
	LevelInfo          // 5, 6: notice, info
	LevelDebug         // 7: debug
	LevelTrace         // below debug
)
