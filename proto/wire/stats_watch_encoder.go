// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"time"
	"unsafe"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// StatsWatchConfig says what a stream of StatsService.Watch tells.
type StatsWatchConfig struct {
	Node   string
	BootID journal.ID128
	// Kinds and Metrics are what is told, each once.
	Kinds   []stats.Kind
	Metrics []metric.ID
	// Token names the stream.
	Token string
}

// StatsWatchEncoder makes messages of snapshots, and keeps what the receiver knows. It belongs to one goroutine at a time.
type StatsWatchEncoder struct {
	config StatsWatchConfig
	rows   map[stats.Key]*sentRow
	told   map[stats.Key]bool
	// order has the rows by id.
	order  []*sentRow
	lastID uint32

	sequence uint64
	// look is the Snapshot.Sequence of the last message, keyframe the boot time of the last keyframe.
	look     uint64
	keyframe time.Duration
	interval time.Duration
	problems []string
	// values is room for the numbers of one row.
	values []int64
	// subjects is how many bytes tell who the rows are of, leftOut how many there is no room for.
	subjects, leftOut int
}

// sentRow is what the receiver knows of something.
type sentRow struct {
	id     uint32
	entity *stats.Entity
	mask   uint64
	values []int64
	offset int64
	// fresh: it knows nothing but the id yet. usage is what the snapshot at hand has.
	fresh bool
	usage *stats.Usage
	// subject is how many bytes tell who it is, told the key that they give it.
	subject int
	told    stats.Key
}

// NewStatsWatchEncoder returns the encoder of a stream that begins.
func NewStatsWatchEncoder(c StatsWatchConfig) *StatsWatchEncoder {
	return &StatsWatchEncoder{config: c, rows: make(map[stats.Key]*sentRow), told: make(map[stats.Key]bool), values: make([]int64, len(c.Metrics))}
}

// Sequence is the number of the last message; 0 before the first one.
func (e *StatsWatchEncoder) Sequence() uint64 { return e.sequence }

// Look is the Snapshot.Sequence of the last message.
func (e *StatsWatchEncoder) Look() uint64 { return e.look }

// Bytes is about how much memory it takes. What rows are of is not in it, as that is the sampler's.
func (e *StatsWatchEncoder) Bytes() int {
	// A row is in two maps by a Key, which are half empty, and in a list.
	const row = int(unsafe.Sizeof(sentRow{}) + 4*unsafe.Sizeof(stats.Key{}) + 4*unsafe.Sizeof(uintptr(0)))
	return len(e.order) * (row + 8*len(e.config.Metrics))
}

// Encode returns the message that makes the receiver know a snapshot. interval is how often messages are meant to come.
func (e *StatsWatchEncoder) Encode(s *stats.Snapshot, interval time.Duration) *nodedv1.StatsServiceWatchResponse {
	at, boot := StatsLookTime(s)
	boot = boot.Truncate(time.Microsecond)
	m := &nodedv1.StatsServiceWatchResponse{Time: timestamppb.New(at), BootTimeMicroseconds: uint64(boot / time.Microsecond)}
	e.begin(m, s, boot)
	if e.sequence == 1 || interval != e.interval {
		m.Interval, e.interval = durationpb.New(interval), interval
	}
	e.match(m, s)
	problems := s.Problems
	if e.leftOut > 0 {
		problems = append(slices.Clip(problems), fmt.Sprintf("%d more things have figures than a stream can tell of", e.leftOut))
	}
	if !slices.Equal(e.problems, problems) {
		m.Problems, e.problems = &nodedv1.StatsWatchProblems{Problems: TextsToProto(problems)}, problems
	}
	e.tell(m, boot)
	return m
}

// begin fills in what is not about rows.
func (e *StatsWatchEncoder) begin(m *nodedv1.StatsServiceWatchResponse, s *stats.Snapshot, boot time.Duration) {
	e.sequence++
	m.Sequence = e.sequence
	if e.sequence == 1 {
		m.Reset_, m.Node, m.BootId, m.ResumeToken = true, e.config.Node, IDBytes(e.config.BootID), e.config.Token
		for _, id := range e.config.Metrics {
			m.Metrics = append(m.Metrics, id.String())
		}
	} else if s.Sequence > e.look+1 {
		m.SkippedLooks = uint32(min(s.Sequence-e.look-1, 1<<31))
	}
	e.look = s.Sequence
	if since := boot - e.keyframe; m.Reset_ || since < 0 || since >= keyframeInterval {
		m.Keyframe, e.keyframe = true, boot
	}
}

// StatsLookTime is when a look began, on the wall clock and since the boot.
func StatsLookTime(s *stats.Snapshot) (at time.Time, boot time.Duration) {
	node := &s.Node
	if node.Boot <= 0 {
		// Nothing is known of the node: what was read first is as good.
		for i := range s.Usages {
			if b := s.Usages[i].Boot; b > 0 && (boot == 0 || b < boot) {
				boot = b
			}
		}
		return s.Time, boot
	}
	if since := node.Time.Sub(s.Time); since >= 0 && since < max(s.Interval, time.Second) && since <= node.Boot {
		return s.Time, node.Boot - since
	}
	return node.Time, node.Boot
}

// match finds the rows of what is in the snapshot, makes those of what is new, and takes away those of what is gone.
func (e *StatsWatchEncoder) match(m *nodedv1.StatsServiceWatchResponse, s *stats.Snapshot) {
	var added []*stats.Usage
	meet := func(u *stats.Usage) {
		if u.Entity == nil || !slices.Contains(e.config.Kinds, u.Entity.Key.Kind) {
			return
		}
		row := e.rows[u.Entity.Key]
		switch {
		case row == nil:
			added = append(added, u)
		case row.usage == nil:
			row.usage = u
			if !row.entity.Same(u.Entity) {
				e.describe(m, row, u.Entity)
			}
			row.entity = u.Entity
		}
	}
	meet(&s.Node)
	for i := range s.Usages {
		meet(&s.Usages[i])
	}
	e.order = slices.DeleteFunc(e.order, func(row *sentRow) bool {
		if row.usage != nil {
			return false
		}
		m.Removed = append(m.Removed, row.id)
		delete(e.rows, row.entity.Key)
		delete(e.told, row.told)
		e.subjects -= row.subject
		return true
	})
	// Looks go through the node in one order. When ids are in the same one the differences of both ids and times are small.
	slices.SortStableFunc(added, func(a, b *stats.Usage) int { return cmp.Compare(a.Boot, b.Boot) })
	e.leftOut = 0
	for _, u := range added {
		if e.rows[u.Entity.Key] != nil {
			continue
		}
		row := &sentRow{id: e.lastID + 1, entity: u.Entity, fresh: true, usage: u}
		// What the receiver takes it for: two whose names are not UTF-8 can be the same as text.
		row.told = StatsSubjectFromProto(StatsSubjectToProto(u.Entity)).Key
		if len(e.order) >= maxWatchRows || e.told[row.told] || !e.describe(m, row, u.Entity) {
			e.leftOut++
			continue
		}
		e.lastID++
		e.told[row.told] = true
		row.values = make([]int64, len(e.config.Metrics))
		e.rows[u.Entity.Key] = row
		e.order = append(e.order, row)
	}
}

// describe tells who a row is of. What takes too much room is told without labels and image; ok is false if there is no room at all, and nothing
// was told.
func (e *StatsWatchEncoder) describe(m *nodedv1.StatsServiceWatchResponse, row *sentRow, of *stats.Entity) (ok bool) {
	subject := StatsSubjectToProto(of)
	size := proto.Size(subject)
	fits := func() bool {
		return size <= maxWatchSubjectBytes && e.subjects-row.subject+size <= maxWatchSubjectsBytes
	}
	if !fits() {
		subject.Labels, subject.Image = nil, ""
		if size = proto.Size(subject); !fits() {
			return false
		}
	}
	e.subjects += size - row.subject
	row.subject = size
	m.Subjects = append(m.Subjects, &nodedv1.StatsWatchSubject{Id: row.id, Subject: subject})
	return true
}

// tell tells the rows that are not as the receiver takes them to be.
func (e *StatsWatchEncoder) tell(m *nodedv1.StatsServiceWatchResponse, boot time.Duration) {
	columns := make([][]int64, len(e.config.Metrics))
	all := allNumbers(len(e.config.Metrics))
	var id uint32
	var at int64
	for _, row := range e.order {
		u := row.usage
		row.usage = nil
		offset := int64(u.Boot/time.Microsecond) - int64(boot/time.Microsecond)
		mask := e.numbers(&u.Numbers)
		if row.fresh || m.Keyframe {
			clear(row.values)
			row.mask = all
		} else if mask == row.mask && isNear(offset, row.offset) && slices.Equal(e.values, row.values) {
			continue
		}
		if mask != row.mask {
			m.MaskRows, m.Masks = append(m.MaskRows, uint32(len(m.IdDeltas))), append(m.Masks, mask)
		}
		m.IdDeltas = append(m.IdDeltas, row.id-id)
		m.TimeDeltasMicroseconds = append(m.TimeDeltasMicroseconds, offset-at)
		for i, v := range e.values {
			columns[i] = append(columns[i], v-row.values[i])
		}
		copy(row.values, e.values)
		row.mask, row.offset, row.fresh = mask, offset, false
		id, at = row.id, offset
	}
	for _, deltas := range columns {
		m.Columns = append(m.Columns, watchColumn(deltas))
	}
}

// numbers makes values those of a set, and returns which of them there are.
func (e *StatsWatchEncoder) numbers(set *metric.Set) (mask uint64) {
	for i, id := range e.config.Metrics {
		v, ok := set.Get(id)
		if !ok {
			e.values[i] = 0
			continue
		}
		mask |= 1 << i
		e.values[i] = toWatchValue(id, v)
	}
	return mask
}

// isNear reports whether a row was read when the receiver takes it to be.
func isNear(offset, expected int64) bool {
	const most = int64(watchTolerance / time.Microsecond)
	d := offset - expected
	return -most <= d && d <= most
}

// watchColumn takes out of differences the power of two that all of them have.
func watchColumn(deltas []int64) *nodedv1.StatsWatchColumn {
	var used uint64
	for _, d := range deltas {
		used |= uint64(d)
	}
	c := &nodedv1.StatsWatchColumn{Deltas: deltas}
	if used == 0 {
		return c
	}
	c.Shift = uint32(min(bits.TrailingZeros64(used), maxWatchShift))
	for i := range deltas {
		deltas[i] >>= c.Shift
	}
	return c
}
