// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/noded/noded/runtime/stats/kernel"
)

// Config says where the node is. Tests, and containers that have the node's directories elsewhere, set the paths.
type Config struct {
	// Proc is where proc is mounted, Sys where sysfs is; empty: /proc and /sys.
	Proc, Sys string
	Logger    *slog.Logger
}

// Reader reads numbers of the node. It is safe for concurrent use.
type Reader struct {
	// read-only after New
	proc, sys string
	logger    *slog.Logger
	// statfs and bootTime ask the system, as of a mount by its path and id; realPath follows links. Tests change them before use.
	statfs   func(path string, id uint64) (usage, error)
	realPath func(path string) (string, error)
	bootTime func() (time.Duration, error)
	now      func() time.Time

	// mu guards the fields below.
	mu sync.Mutex
	// buf holds a file while it is parsed.
	buf []byte
	// network and disks make sums that go on. interfaces and devices are what is in them, looked up at lookedUp and not for a while after.
	network, disks      accumulator
	interfaces, devices map[string]bool
	lookedUp            time.Time

	// slots has a value for each filesystem that is asked. askedMu guards the field below: what is asked by device.
	slots   chan struct{}
	askedMu sync.Mutex
	asked   map[string]*question
}

// New returns a reader. It reads nothing yet.
func New(c Config) *Reader {
	r := &Reader{
		proc: c.Proc, sys: c.Sys, logger: c.Logger, statfs: statfs, realPath: filepath.EvalSymlinks, bootTime: kernel.BootTime, now: time.Now,
		slots: make(chan struct{}, maxAsked), asked: map[string]*question{},
	}
	if r.proc == "" {
		r.proc = "/proc"
	}
	if r.sys == "" {
		r.sys = "/sys"
	}
	if r.logger == nil {
		r.logger = slog.New(slog.DiscardHandler)
	}
	return r
}

const (
	// maxFile bounds a file that is read. /proc/net/dev has 120 bytes for each interface.
	maxFile = 4 << 20
	// keptBuffer is how large a buffer stays for the next file.
	keptBuffer = 256 << 10
	// userHZ is how many ticks a second has in /proc: USER_HZ of include/asm-generic/param.h, on every architecture that Go knows.
	userHZ = 100
	tick   = time.Second / userHZ
)

// read reads a file whole. What it returns is valid until the next call. mu is held.
func (r *Reader) read(path ...string) ([]byte, error) {
	if cap(r.buf) > keptBuffer {
		r.buf = nil
	}
	data, err := readFile(filepath.Join(path...), r.buf)
	r.buf = data[:0]
	return data, err
}

// readFile reads a file into buf, or a larger one. One that is longer than maxFile is cut off.
func readFile(path string, buf []byte) ([]byte, error) {
	buf = buf[:0]
	file, err := os.Open(path)
	if err != nil {
		return buf, err
	}
	defer file.Close()
	if cap(buf) == 0 {
		buf = make([]byte, 0, 16<<10)
	}
	for len(buf) < maxFile {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := file.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return buf, err
		}
	}
	return buf, nil
}

// gone makes the errors of a process that ends while it is looked at an fs.ErrNotExist.
func gone(err error) error {
	if errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.ENXIO) {
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return err
}

// nextLine cuts the first line off.
func nextLine(data []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(data, []byte{'\n'})
	return line, rest
}

// nextField cuts the first field off, which blanks end.
func nextField(line []byte) (field, rest []byte) {
	line = bytes.TrimLeft(line, " \t")
	if i := bytes.IndexAny(line, " \t"); i >= 0 {
		return line[:i], line[i:]
	}
	return line, nil
}
