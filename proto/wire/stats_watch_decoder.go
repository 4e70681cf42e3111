// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// StatsWatchDecoder puts looks together from the messages of StatsService.Watch. It trusts no number in them, and its memory is bounded by
// the number of rows and the size of messages. The zero value is ready to use. It belongs to one goroutine.
type StatsWatchDecoder struct {
	// metrics are those of the columns; metric.Count for one that this build does not know.
	metrics []metric.ID
	rows    map[uint32]*StatsRow
	// keys are those of the rows; subjects is how many bytes told who they are.
	keys     map[stats.Key]bool
	subjects int
	lastID   uint32
	// fresh is how many rows have an id and no numbers yet.
	fresh int

	sequence uint64
	token    string
	look     StatsLook
}

// Position is what a later call needs to go on: the token of the stream and the number of the last message. Both are empty before the first
// one.
func (d *StatsWatchDecoder) Position() (token string, sequence uint64) { return d.token, d.sequence }

// Decode takes one message. The error of one that does not add up is an ErrCompactMalformed; the stream cannot be decoded any
// further then.
func (d *StatsWatchDecoder) Decode(m *nodedv1.StatsServiceWatchResponse) (*StatsLook, error) {
	look := &d.look
	look.Ended, look.Anew = nil, m.GetReset_()
	var before []*StatsRow
	if m.GetReset_() {
		before = look.Rows
		if err := d.begin(m); err != nil {
			return nil, err
		}
	}
	if want := d.sequence + 1; m.GetSequence() != want || d.sequence == 0 && !m.GetReset_() {
		return nil, malformed("message %d after %d", m.GetSequence(), d.sequence)
	}
	d.sequence++
	if err := d.header(m); err != nil {
		return nil, err
	}
	if err := d.remove(m.Removed); err != nil {
		return nil, err
	}
	if err := d.introduce(m.Subjects); err != nil {
		return nil, err
	}
	if err := d.tell(m); err != nil {
		return nil, err
	}
	d.endedBy(before)
	return look, nil
}

// begin forgets everything, for a stream that begins.
func (d *StatsWatchDecoder) begin(m *nodedv1.StatsServiceWatchResponse) error {
	if !m.GetKeyframe() {
		return malformed("a beginning without all rows")
	}
	if len(m.Metrics) > maxWatchMetrics {
		return malformed("%d numbers", len(m.Metrics))
	}
	d.metrics = nil
	d.look.Metrics = nil
	for i, name := range m.Metrics {
		if slices.Contains(m.Metrics[:i], name) {
			return malformed("the number %q twice", name)
		}
		id, ok := metric.Parse(name)
		if !ok {
			id = metric.Count
		} else {
			d.look.Metrics = append(d.look.Metrics, id)
		}
		d.metrics = append(d.metrics, id)
	}
	d.rows, d.lastID, d.fresh = make(map[uint32]*StatsRow), 0, 0
	d.keys, d.subjects = make(map[stats.Key]bool), 0
	d.sequence, d.token = 0, m.GetResumeToken()
	d.look.Node, d.look.BootID = m.GetNode(), idOrZero(m.GetBootId())
	d.look.Rows, d.look.Problems, d.look.Interval = nil, nil, 0
	return nil
}

// header takes what is not about rows.
func (d *StatsWatchDecoder) header(m *nodedv1.StatsServiceWatchResponse) error {
	if err := m.GetTime().CheckValid(); err != nil {
		return malformed("time: %v", err)
	}
	if m.GetBootTimeMicroseconds() > uint64(maxBootMicroseconds) {
		return malformed("%d microseconds since the boot", m.GetBootTimeMicroseconds())
	}
	d.look.Time, d.look.Boot = m.GetTime().AsTime(), time.Duration(m.GetBootTimeMicroseconds())*time.Microsecond
	d.look.Skipped = int(min(m.GetSkippedLooks(), math.MaxInt32))
	if m.GetInterval() != nil {
		if err := m.GetInterval().CheckValid(); err != nil {
			return malformed("interval: %v", err)
		}
		d.look.Interval = m.GetInterval().AsDuration()
	}
	if m.GetProblems() != nil {
		d.look.Problems = m.GetProblems().GetProblems()
	}
	return nil
}

// remove takes rows away.
func (d *StatsWatchDecoder) remove(ids []uint32) error {
	if len(ids) == 0 {
		return nil
	}
	for _, id := range ids {
		row := d.rows[id]
		if row == nil {
			return malformed("there is no row %d to take away", id)
		}
		delete(d.rows, id)
		delete(d.keys, row.Entity.Key)
		d.subjects -= row.subject
		d.look.Ended = append(d.look.Ended, row.Entity.Key)
	}
	d.look.Rows = slices.DeleteFunc(d.look.Rows, func(row *StatsRow) bool { return d.rows[row.id] != row })
	return nil
}

// introduce takes who is who.
func (d *StatsWatchDecoder) introduce(subjects []*nodedv1.StatsWatchSubject) error {
	for _, m := range subjects {
		size := proto.Size(m.GetSubject())
		id, row := m.GetId(), d.rows[m.GetId()]
		before := 0
		if row != nil {
			before = row.subject
		}
		if d.subjects += size - before; size > maxWatchSubjectBytes || d.subjects > maxWatchSubjectsBytes {
			return malformed("%d bytes say who row %d is of, and %d who all are", size, id, d.subjects)
		}
		entity := StatsSubjectFromProto(m.GetSubject())
		if row != nil {
			if row.Entity.Key != entity.Key {
				return malformed("the id %d is used again", id)
			}
			row.Entity, row.subject = entity, size
			continue
		}
		if id <= d.lastID {
			return malformed("the new id %d after %d", id, d.lastID)
		}
		if len(d.look.Rows) >= maxWatchRows {
			return malformed("more than %d rows", maxWatchRows)
		}
		if d.keys[entity.Key] {
			return malformed("row %d is of what another one is of", id)
		}
		row = &StatsRow{Entity: entity, id: id, fresh: true, subject: size, metrics: d.metrics, values: make([]int64, len(d.metrics))}
		d.rows[id] = row
		d.keys[entity.Key] = true
		d.look.Rows = append(d.look.Rows, row)
		d.lastID = id
		d.fresh++
	}
	return nil
}

// tell takes the rows.
func (d *StatsWatchDecoder) tell(m *nodedv1.StatsServiceWatchResponse) error {
	if err := d.checkColumns(m); err != nil {
		return err
	}
	for _, row := range d.look.Rows {
		row.Told = false
	}
	var id uint64
	var offset int64
	masks, all := 0, allNumbers(len(d.metrics))
	for i, delta := range m.IdDeltas {
		id += uint64(delta)
		if delta == 0 || id > math.MaxUint32 {
			return malformed("the id %d after %d", id, id-uint64(delta))
		}
		row := d.rows[uint32(id)]
		if row == nil {
			return malformed("there is no row %d", id)
		}
		var ok bool
		if offset, ok = addInt64(offset, m.TimeDeltasMicroseconds[i]); !ok || offset < -maxBootMicroseconds || offset > maxBootMicroseconds {
			return malformed("row %d was read %d microseconds after the look", id, offset)
		}
		row.offset, row.Told = offset, true
		full := row.fresh || m.GetKeyframe()
		if full {
			row.mask = all
		}
		if masks < len(m.MaskRows) && uint64(m.MaskRows[masks]) == uint64(i) {
			if row.mask = m.Masks[masks]; row.mask&^all != 0 {
				return malformed("the mask %x for %d numbers", row.mask, len(d.metrics))
			}
			masks++
		}
		if err := row.add(m.Columns, i, full); err != nil {
			return err
		}
		if row.fresh {
			row.fresh = false
			d.fresh--
		}
	}
	switch {
	case masks < len(m.MaskRows):
		return malformed("the masks are not of rows in their order")
	case d.fresh > 0:
		return malformed("%d new rows without numbers", d.fresh)
	case m.GetKeyframe() && len(m.IdDeltas) != len(d.look.Rows):
		return malformed("%d of %d rows in a keyframe", len(m.IdDeltas), len(d.look.Rows))
	}
	return d.stamp()
}

// checkColumns checks that columns are of equal length.
func (d *StatsWatchDecoder) checkColumns(m *nodedv1.StatsServiceWatchResponse) error {
	rows := len(m.IdDeltas)
	if len(m.TimeDeltasMicroseconds) != rows {
		return malformed("%d times for %d rows", len(m.TimeDeltasMicroseconds), rows)
	}
	if len(m.Columns) != len(d.metrics) {
		return malformed("%d columns for %d numbers", len(m.Columns), len(d.metrics))
	}
	for _, c := range m.Columns {
		if len(c.GetDeltas()) != rows {
			return malformed("a column has %d elements for %d rows", len(c.GetDeltas()), rows)
		}
		if c.GetShift() > maxWatchShift {
			return malformed("a column in units of 2^%d", c.GetShift())
		}
	}
	if len(m.MaskRows) != len(m.Masks) {
		return malformed("%d masks for %d rows", len(m.Masks), len(m.MaskRows))
	}
	return nil
}

// add adds the differences of the n-th row of a message; full means to nothing.
func (r *StatsRow) add(columns []*nodedv1.StatsWatchColumn, n int, full bool) error {
	for i, c := range columns {
		delta := c.Deltas[n] << c.GetShift()
		if delta>>c.GetShift() != c.Deltas[n] {
			return malformed("the difference %d in units of 2^%d", c.Deltas[n], c.GetShift())
		}
		from := r.values[i]
		if full {
			from = 0
		}
		v, ok := addInt64(from, delta)
		if !ok || v < 0 {
			return malformed("the difference %d to %d", delta, from)
		}
		if v != 0 && r.mask&(1<<i) == 0 {
			return malformed("a number of row %d that is not known is %d", r.id, v)
		}
		r.values[i] = v
	}
	return nil
}

// stamp gives all rows their times.
func (d *StatsWatchDecoder) stamp() error {
	for _, row := range d.look.Rows {
		boot := int64(d.look.Boot/time.Microsecond) + row.offset
		if boot < 0 || boot > maxBootMicroseconds {
			return malformed("row %d was read %d microseconds after the boot", row.id, boot)
		}
		row.Boot = time.Duration(boot) * time.Microsecond
		row.Time = d.look.Time.Add(time.Duration(row.offset) * time.Microsecond)
	}
	return nil
}

// endedBy tells of the rows of an earlier stream that are not in this one.
func (d *StatsWatchDecoder) endedBy(before []*StatsRow) {
	if len(before) == 0 {
		return
	}
	there := make(map[stats.Key]bool, len(d.look.Rows))
	for _, row := range d.look.Rows {
		there[row.Entity.Key] = true
	}
	for _, row := range before {
		if !there[row.Entity.Key] {
			d.look.Ended = append(d.look.Ended, row.Entity.Key)
		}
	}
}

// addInt64 adds; ok is false if the sum is none of 64 bits.
func addInt64(a, b int64) (sum int64, ok bool) {
	sum = a + b
	return sum, (sum > a) == (b > 0)
}
