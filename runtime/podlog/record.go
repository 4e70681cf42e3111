// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import "time"

// Source names the container that wrote a log.
type Source struct {
	// Node is the name of the node; empty where the files of a node are read without noded.
	Node string
	// Namespace, Pod and UID are those of its pod; empty for a container that is in no pod.
	Namespace, Pod, UID string
	// Container is its name.
	Container string
	// ID is what the runtime calls its newest run; empty when that is not known.
	ID string
}

// Key names the container for as long as it has a log: the UID of its pod and its name, or the id of a container that
// is in no pod.
func (s *Source) Key() string {
	if s.UID == "" && s.Pod == "" {
		return s.ID
	}
	return s.UID + "/" + s.Container
}

// String returns NAMESPACE/POD/CONTAINER, or the name of a container that is in no pod.
func (s *Source) String() string {
	if s.Pod == "" {
		return s.Container
	}
	return s.Namespace + "/" + s.Pod + "/" + s.Container
}

// Stream is the stream that a record was written to.
type Stream uint8

// The streams.
const (
	StreamUnknown Stream = iota
	Stdout
	Stderr
)

// String returns stdout, stderr or unknown.
func (s Stream) String() string {
	switch s {
	case Stdout:
		return "stdout"
	case Stderr:
		return "stderr"
	default:
		return "unknown"
	}
}

// Record is one line that a container wrote, put together from the pieces that the runtime splits long lines into.
type Record struct {
	// File is the file that the end of the line is in, and through it the container.
	File *File
	// Time is when the runtime got the line, or its first piece, in nanoseconds since the Unix epoch; 0 if the line has no
	// time that can be read. Zone is the offset that the file gives it in, in minutes east of UTC.
	Time int64
	Zone int16
	// Stream is the stream.
	Stream Stream
	// Partial: the line goes on in the next record of this stream, or ends without a newline.
	Partial bool
	// Unparsed: the line is not in the format of the file and Text is all of it.
	Unparsed bool
	// Text is the line without its newline. It is valid during the call that hands it out.
	Text []byte
	// End is the offset in the file right after the record, decompressed if the file is; Pending how many bytes before it
	// begins a line of another stream that is unfinished there; 0 for none.
	End     int64
	Pending int64
}

// Position returns the place right after the record.
func (r *Record) Position() Position {
	return Position{
		Key: r.File.Source.Key(), Run: r.File.Run, Inode: r.File.Inode, Fingerprint: r.File.Fingerprint,
		Offset: r.End, Pending: r.Pending, Time: r.Time,
	}
}

// Timestamp returns Time in the zone of the file.
func (r *Record) Timestamp() time.Time {
	t := time.Unix(0, r.Time)
	if r.Zone == 0 {
		return t.UTC()
	}
	return t.In(time.FixedZone("", int(r.Zone)*60))
}

// File is one file of a log. Records share it; two records are of one file if their Files are the same pointer, or
// have equal contents.
type File struct {
	Source *Source
	// Run is the number of the run: how often the container had been restarted.
	Run uint32
	// Inode is its inode number and Fingerprint a hash of its first line, by which it is found again when it was renamed or
	// compressed.
	Inode, Fingerprint uint64
}
