// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bytes"
	"strings"
)

// maxLevelText is how far into a message levelOfText looks, in bytes: a level stands near
// the beginning, and messages can be huge.
const maxLevelText = 4096

// levelOfText returns the level that a line of klog, logfmt or JSON names, LevelUnknown for other text.
func levelOfText(text []byte) Level {
	text = text[:min(len(text), maxLevelText)]
	if l := levelOfKlog(text); l != LevelUnknown {
		return l
	}
	if trimmed := bytes.TrimLeft(text, " \t"); len(trimmed) > 0 && trimmed[0] == '{' {
		return levelOfJSON(trimmed)
	}
	return levelOfLogfmt(text)
}

// levelOfKlog reads the header that klog writes: a letter of IWEF, month and day, time with microseconds,
// thread id, file:line. See "Header format" in klog's documentation.
func levelOfKlog(text []byte) Level {
	const header = "L0102 15:04:05.000000 "
	if len(text) < len(header) {
		return LevelUnknown
	}
	for i := 1; i < len(header); i++ {
		c := text[i]
		switch want := header[i]; want {
		case ' ', ':', '.':
			if c != want {
				return LevelUnknown
			}
		default:
			if c < '0' || c > '9' {
				return LevelUnknown
			}
		}
	}
	switch text[0] {
	case 'I':
		return LevelInfo
	case 'W':
		return LevelWarning
	case 'E':
		return LevelError
	case 'F':
		return LevelFatal
	default:
		return LevelUnknown
	}
}

// levelOfLogfmt finds level=WORD or lvl=WORD outside of quotes, in a line that has key=value pairs.
func levelOfLogfmt(text []byte) Level {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
			continue
		case '"':
			quoted = !quoted
			continue
		}
		if quoted || i > 0 && text[i-1] != ' ' {
			continue
		}
		for _, key := range [...]string{"level=", "lvl=", "severity="} {
			if rest, ok := bytes.CutPrefix(text[i:], []byte(key)); ok {
				return levelByName(logfmtWord(rest))
			}
		}
	}
	return LevelUnknown
}

func logfmtWord(text []byte) []byte {
	if rest, ok := bytes.CutPrefix(text, []byte(`"`)); ok {
		word, _, _ := bytes.Cut(rest, []byte(`"`))
		return word
	}
	word, _, _ := bytes.Cut(text, []byte(" "))
	return word
}

// levelOfJSON finds the member level, lvl or severity of a JSON object without decoding the rest. Numbers are
// those of bunyan and pino: 10 trace to 60 fatal.
func levelOfJSON(text []byte) Level {
	depth := 0
	for i := 0; i < len(text); {
		switch text[i] {
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case '"':
			end := jsonStringEnd(text, i)
			if end < 0 {
				return LevelUnknown
			}
			key := text[i+1 : end]
			i = end + 1
			rest := bytes.TrimLeft(text[i:], " \t")
			if depth != 1 || len(rest) == 0 || rest[0] != ':' {
				continue
			}
			rest = bytes.TrimLeft(rest[1:], " \t")
			if isLevelKey(key) {
				return levelOfJSONValue(rest)
			}
			i = len(text) - len(rest)
			if len(rest) > 0 && rest[0] == '"' {
				// A value is not a key, whatever it says.
				if end = jsonStringEnd(text, i); end < 0 {
					return LevelUnknown
				}
				i = end + 1
			}
		default:
			i++
		}
	}
	return LevelUnknown
}

func isLevelKey(key []byte) bool {
	switch string(key) {
	case "level", "lvl", "severity", "log.level", "Level", "LEVEL":
		return true
	}
	return false
}

func levelOfJSONValue(text []byte) Level {
	if len(text) > 0 && text[0] == '"' {
		end := jsonStringEnd(text, 0)
		if end < 0 {
			return LevelUnknown
		}
		return levelByName(text[1:end])
	}
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	switch string(text[:n]) {
	case "10":
		return LevelTrace
	case "20":
		return LevelDebug
	case "30":
		return LevelInfo
	case "40":
		return LevelWarning
	case "50":
		return LevelError
	case "60":
		return LevelFatal
	default:
		return LevelUnknown
	}
}

// jsonStringEnd returns the index of the quote that ends the string beginning at text[start], or -1.
func jsonStringEnd(text []byte, start int) int {
	for i := start + 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

func levelByName(name []byte) Level {
	switch strings.ToLower(string(name)) {
	case "fatal", "emerg", "emergency", "alert", "crit", "critical", "panic", "dpanic":
		return LevelFatal
	case "error", "err", "eror":
		return LevelError
	case "warning", "warn":
		return LevelWarning
	case "info", "information", "notice":
		return LevelInfo
	case "debug", "dbug":
		return LevelDebug
	case "trace":
		return LevelTrace
	default:
		return LevelUnknown
	}
}
