// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// allocate takes memory of the kernel, not of the runtime of Go, which takes more; nor in huge pages, which may hold more than is wanted.
func (w *work) allocate(mib int) error {
	block, err := unix.Mmap(-1, 0, mib<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	// A kernel without huge pages does not know it.
	if err := unix.Madvise(block, unix.MADV_NOHUGEPAGE); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	w.held = append(w.held, block)
	return nil
}

// burnTold is how often burn tells what it used, burnMost the most that it uses in between.
const (
	burnTold = 40 * time.Millisecond
	burnMost = 10 * time.Millisecond
)

// burn uses a share of a core, measured by what the kernel says that this process used. Its lines are that, and the time since the boot, in
// nanoseconds.
func burn(ctx context.Context, millicores int) error {
	start := time.Now()
	before, err := used()
	if err != nil {
		return err
	}
	var told time.Time
	var toldUsed time.Duration
	for ctx.Err() == nil {
		now, err := used()
		if err != nil {
			return err
		}
		if time.Since(told) >= burnTold || now-toldUsed >= burnMost {
			told, toldUsed = time.Now(), now
			if err := tellUsed(); err != nil {
				return err
			}
		}
		if now-before < time.Since(start)*time.Duration(millicores)/1000 {
			spin()
		} else {
			pause(ctx, 2*time.Millisecond)
		}
	}
	return nil
}

// spin is some work, of about a tenth of a millisecond.
func spin() {
	for n, x := 0, uint64(1); n < 100_000; n++ {
		x = x*6364136223846793005 + 1442695040888963407
	}
}

// used is the CPU time of this process.
func used() (time.Duration, error) {
	var r syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), err
}

func tellUsed() error {
	cpu, err := used()
	if err != nil {
		return err
	}
	var boot unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot); err != nil {
		return err
	}
	_, err = fmt.Println("burned", int64(cpu), boot.Nano())
	return err
}

// receive discards what comes.
func receive(ctx context.Context, port string) error {
	l, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = l.Close() }) // Accept tells
	for ctx.Err() == nil {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, c)
		if err = errors.Join(err, c.Close()); err != nil {
			return err
		}
		fmt.Println("received", n)
	}
	return nil
}

// send sends BYTES@ADDRESS, and waits until all has been taken.
func send(ctx context.Context, value string) error {
	count, address, _ := strings.Cut(value, "@")
	n, err := strconv.ParseInt(count, 10, 64)
	if err != nil {
		return err
	}
	to, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return err
	}
	var c *net.TCPConn
	for {
		if c, err = net.DialTCP("tcp", nil, to); err == nil {
			break
		}
		if ctx.Err() != nil {
			return err
		}
		pause(ctx, 50*time.Millisecond)
	}
	if _, err = io.CopyN(c, zeros{}, n); err == nil {
		err = c.CloseWrite()
	}
	// The other side closes when it has got everything.
	if err == nil {
		_, err = io.Copy(io.Discard, c)
	}
	if err = errors.Join(err, c.Close()); err == nil {
		fmt.Println("sent", n)
	}
	return err
}

// zeros gives zeros without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// printNetwork prints what eth0 received and sent: bytes and packets of each.
func printNetwork() error {
	text, err := os.ReadFile("/proc/self/net/dev")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		name, numbers, ok := strings.Cut(strings.TrimSpace(line), ":")
		if f := strings.Fields(numbers); ok && name == "eth0" && len(f) >= 10 {
			fmt.Println("net", f[0], f[1], f[8], f[9])
			return nil
		}
	}
	return errors.New("there is no eth0")
}
