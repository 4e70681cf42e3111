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

// ParseLevel reads the name of a level, or a syslog priority name that it covers.
func ParseLevel(s string) (Level, error) {
	if l := levelByName([]byte(s)); l != LevelUnknown {
		return l, nil
	}
	return LevelUnknown, &QueryError{Field: "level", Value: s, Reason: "want one of fatal, error, warning, info, debug, trace"}
}

// String returns the name that ParseLevel reads.
func (l Level) String() string {
	switch l {
	case LevelFatal:
		return "fatal"
	case LevelError:
		return "error"
	case LevelWarning:
		return "warning"
	case LevelInfo:
		return "info"
	case LevelDebug:
		return "debug"
	case LevelTrace:
		return "trace"
	default:
		return "unknown"
	}
}

// LevelOf returns the level of a message: the one in its text if that is a line of klog
// (E0102 15:04:05.678901 ...), logfmt (level=error) or JSON ("level":"error"), because what such programs write
// to stderr all has one priority; else the one of its syslog priority, a digit. Both can be nil.
func LevelOf(message, priority []byte) Level {
	if l := levelOfText(message); l != LevelUnknown {
		return l
	}
	if len(priority) != 1 {
		return LevelUnknown
	}
	switch priority[0] {
	case '0', '1', '2':
		return LevelFatal
	case '3':
		return LevelError
	case '4':
		return LevelWarning
	case '5', '6':
		return LevelInfo
	case '7':
		return LevelDebug
	default:
		return LevelUnknown
	}
}

func levelOfEntry(e Entry) (Level, error) {
	message, err := lookup(e, "MESSAGE")
	if err != nil {
		return LevelUnknown, err
	}
	if l := levelOfText(message); l != LevelUnknown {
		return l, nil
	}
	priority, err := lookup(e, "PRIORITY")
	return LevelOf(nil, priority), err
}
