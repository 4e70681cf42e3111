// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package digest

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"strings"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
)

// value is a field of the generated journals.
type value struct {
	journal.Field
	// jenkins is its part of entries' xor hashes, digest its part of our own digests.
	jenkins, digest uint64
}

// hasher makes digests of fields.
type hasher struct{ seed maphash.Seed }

func (h hasher) field(name string, v []byte) uint64 {
	const odd = 0x9e3779b97f4a7c15
	return maphash.String(h.seed, name)*odd ^ maphash.Bytes(h.seed, v)
}

// fields returns two digests: one that depends on the order, one of the set.
func (h hasher) fields(fields []journal.Field) (ordered, set uint64) {
	const odd = 0x2545f4914f6cdd1d
	for i := range fields {
		d := h.field(fields[i].Name, fields[i].Value)
		ordered = ordered*odd + d
		set += d
	}
	return ordered, set
}

func (h hasher) value(name, v string) *value {
	return &value{
		Field:   journal.Field{Name: name, Value: []byte(v)},
		jenkins: journalfile.JenkinsHash([]byte(name + "=" + v)),
		digest:  h.field(name, []byte(v)),
	}
}

// pool makes values of fields; those that occur more than once are made once.
type pool struct {
	hasher
	random *rand.Rand
	known  map[string]*value
}

func newPool(h hasher, random *rand.Rand) *pool {
	return &pool{hasher: h, random: random, known: map[string]*value{}}
}

func (p *pool) get(name, v string) *value {
	key := name + "=" + v
	if p.known[key] == nil {
		p.known[key] = p.value(name, v)
	}
	return p.known[key]
}

// number picks one of n, small ones more often.
func (p *pool) number(n int) int { return min(p.random.IntN(n), p.random.IntN(n)) }

// fields makes the fields of an entry.
func (p *pool) fields(boot, machine journal.ID128) []*value {
	r := p.random
	process := p.number(60)
	unit := fmt.Sprintf("unit-%d.service", process%17)
	list := make([]*value, 0, 12)
	list = append(list, p.get("_BOOT_ID", boot.String()))
	if r.IntN(50) > 0 {
		list = append(list,
			p.get("_MACHINE_ID", machine.String()),
			p.get("_TRANSPORT", []string{"journal", "syslog", "stdout"}[process%3]),
			p.get("_PID", fmt.Sprint(100+process)),
			p.get("SYSLOG_IDENTIFIER", fmt.Sprintf("program-%d", process%23)))
	}
	if r.IntN(20) > 0 {
		list = append(list, p.get("_SYSTEMD_UNIT", unit))
	}
	if r.IntN(30) > 0 {
		list = append(list, p.get("PRIORITY", fmt.Sprint(p.number(8))))
	}
	if r.IntN(200) == 0 {
		list = append(list, p.get("RARE", fmt.Sprint(p.number(40))))
	}
	for range max(0, r.IntN(40)-37) {
		list = append(list, p.get("TAG", fmt.Sprint(p.number(9))))
	}
	if r.IntN(40) > 0 {
		list = append(list, p.message())
	}
	if r.IntN(3) == 0 {
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	return list
}

// message makes a message: most occur once.
func (p *pool) message() *value {
	r := p.random
	switch n := r.IntN(1000); {
	case n < 300:
		return p.get("MESSAGE", fmt.Sprintf("repeated message %d", p.number(500)))
	case n < 310:
		return p.value("MESSAGE", "")
	case n < 330:
		b := make([]byte, r.IntN(300))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return p.value("MESSAGE", string(b))
	case n < 380:
		return p.value("MESSAGE", fmt.Sprintf("%d %s", r.Uint64(), strings.Repeat("a longer line\n", 20+r.IntN(60))))
	case n == 380:
		return p.value("MESSAGE", fmt.Sprintf("%d %s", r.Uint64(), strings.Repeat("a very long line ", 5000+r.IntN(9000))))
	default:
		return p.value("MESSAGE", fmt.Sprintf("message %d of many", r.Uint64()))
	}
}
