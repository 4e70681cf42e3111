// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/noded/noded/journal"
)

// each makes one entry of each list of fields.
func each(boot journal.ID128, lists ...[]journal.Field) []Entry {
	return timeline(len(lists), boot, epoch, func(i int) []journal.Field {
		return append(common("values.service", "values", 40, 6), lists[i]...)
	})
}

func binaryValues() []Entry {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return each(id(0xb9),
		[]journal.Field{F("MESSAGE", "all bytes"), F("DATA", string(all))},
		[]journal.Field{F("MESSAGE", "bell \a and NUL \x00 inside")},
		[]journal.Field{F("MESSAGE", "invalid UTF-8: \xff\xfe\xc3\x28 end")},
		[]journal.Field{F("MESSAGE", "valid: h\u00e9llo w\u00f6rld \u2713 \u65e5\u672c\u8a9e \U0001f600")},
		[]journal.Field{F("MESSAGE", "escape \x1b[31mred\x1b[0m and \x1b]52;c;Y2Fu\a")},
		[]journal.Field{F("MESSAGE", "empty value follows"), F("EMPTY", "")},
		[]journal.Field{F("MESSAGE", "\x00"), F("NUL", "\x00\x00")},
		[]journal.Field{F("MESSAGE", "a value with an equals sign"), F("PAIR", "a=b=c"), F("LEADING", "=x")},
		[]journal.Field{F("MESSAGE", "C1 \u009b31m and bidi \u202eabc\u202c and DEL \x7f")},
		[]journal.Field{F("MESSAGE", "carriage\rreturn")},
		[]journal.Field{F("MESSAGE", ""), F("NOTE", "the message is empty")},
		[]journal.Field{F("MESSAGE", "longest name"), F("N"+strings.Repeat("X", 63), "64 characters")},
	)
}

func multiLine() []Entry {
	trace := "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:12 +0x1d\n"
	return each(id(0xba),
		[]journal.Field{F("MESSAGE", "one line")},
		[]journal.Field{F("MESSAGE", "first\nsecond\nthird")},
		[]journal.Field{F("MESSAGE", trace)},
		[]journal.Field{F("MESSAGE", "\n\nleading and trailing\n\n")},
		[]journal.Field{F("MESSAGE", "\ttab\tseparated\tvalues")},
		[]journal.Field{F("MESSAGE", "long "+strings.Repeat("0123456789", 60))},
		[]journal.Field{F("MESSAGE", strings.Repeat("line of many\n", 200))},
		[]journal.Field{F("MESSAGE", "trailing spaces   ")},
		[]journal.Field{F("MESSAGE", "   ")},
		[]journal.Field{F("MESSAGE", "windows\r\nline\r\nends\r\n")},
		[]journal.Field{F("MESSAGE", "wide \u65e5\u672c\u8a9e\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e "+strings.Repeat("\u65e5", 100))},
		[]journal.Field{F("MESSAGE", "other fields of several lines"), F("_SELINUX_CONTEXT", "unconfined\n"), F("STACK", trace)},
	)
}

func huge() []Entry {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 2<<20)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	return each(id(0xbb),
		[]journal.Field{F("MESSAGE", "small before")},
		[]journal.Field{F("MESSAGE", strings.Repeat("0123456789abcdef", 70<<10/16)), F("SIZE", "70 KiB")},
		[]journal.Field{F("MESSAGE", "2 MiB that compress"), F("BLOB", strings.Repeat("abcdefgh\n", 2<<20/9))},
		[]journal.Field{F("MESSAGE", "2 MiB that do not"), F("BLOB", string(noise))},
		[]journal.Field{F("MESSAGE", "600 bytes are compressed"), F("MEDIUM", strings.Repeat("z", 600))},
		[]journal.Field{F("MESSAGE", "more than 250 names in a file would make it rotate")},
		manyFields(150),
		[]journal.Field{F("MESSAGE", "small after")},
	)
}

func manyFields(n int) []journal.Field {
	fields := []journal.Field{F("MESSAGE", fmt.Sprintf("%d fields", n))}
	for i := range n {
		fields = append(fields, F(fmt.Sprintf("FIELD_%03d", i), fmt.Sprint(i)))
	}
	return fields
}

func repeated() []Entry {
	return each(id(0xbc),
		[]journal.Field{F("MESSAGE", "tag once"), F("TAG", "a")},
		[]journal.Field{F("MESSAGE", "tags a, b"), F("TAG", "a"), F("TAG", "b")},
		[]journal.Field{F("MESSAGE", "first message"), F("MESSAGE", "second message")},
		[]journal.Field{F("TAG", "c"), F("MESSAGE", "tags c, a, b"), F("TAG", "a"), F("OTHER", "x"), F("TAG", "b")},
		[]journal.Field{F("MESSAGE", "binary and text"), F("TAG", "text"), F("TAG", "\x01\x02")},
		[]journal.Field{F("MESSAGE", "different priorities"), F("PRIORITY", "3"), F("TAG", "d")},
		[]journal.Field{F("MESSAGE", "argument lists"), F("ARG", "1"), F("ARG", "2"), F("ARG", "3"), F("ARG", "4")},
		[]journal.Field{F("MESSAGE", "no tag")},
	)
}

func noMessage() []Entry {
	return timeline(60, id(0xbd), epoch, func(i int) []journal.Field {
		switch i % 4 {
		case 0:
			return append(common("silent.service", "silent", 50, 6), F("NOTE", fmt.Sprint(i)))
		case 1:
			return []journal.Field{F("ONLY", fmt.Sprintf("field %d", i))}
		case 2:
			return append(common("silent.service", "silent", 50, i%8), F("MESSAGE", fmt.Sprintf("message %d", i)))
		default:
			// Neither priority nor identifier nor unit.
			return []journal.Field{F("MESSAGE", fmt.Sprintf("bare %d", i)), F("_PID", fmt.Sprint(i))}
		}
	})
}
