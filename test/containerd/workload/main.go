// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Workload is the program in the containers of tests. Its arguments are steps, done one after the other:
//
//	lines:N[@RATE]      N numbered lines on stdout, RATE a second; N may be "all"
//	err-lines:N[@RATE]  the same on stderr
//	mixed:N[@RATE]      the same, odd ones on stdout and even ones on stderr
//	long:LENGTH         one numbered line of LENGTH bytes on stdout
//	out:TEXT, err:TEXT  TEXT and a newline
//	raw:TEXT            TEXT on stdout without a newline
//	alloc:MIB           so much memory, touched
//	child:STEP          does the step in a process of its own, and goes on however that ends
//	burn:MILLICORES     so much CPU time, in thousandths of a core, until it is told to end; now and then a line with the nanoseconds that
//	                    it used, and those since the boot
//	receive:PORT        takes connections and discards what comes, until it is told to end
//	send:BYTES@ADDRESS  so many bytes to a HOST:PORT, where it waits for somebody to listen
//	net                 one line: bytes and packets received and sent by eth0, as the kernel counts them
//	sleep:DURATION      a pause
//	await:FILE          waits until there is such a file
//	exit:CODE           the end, with that code
//	pause               waits for SIGTERM or SIGINT and ends with 0; what a sandbox does
//
// After the last step it ends with 0. The numbers of lines go on from step to step.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/noded/noded/test/containerd/lines"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	var w work
	for _, step := range os.Args[1:] {
		if err := w.do(ctx, step); err != nil {
			fmt.Fprintln(os.Stderr, "workload:", err)
			os.Exit(125)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// work is what the steps share.
type work struct {
	// next is the number of the last line.
	next int
	held [][]byte
}

func (w *work) do(ctx context.Context, step string) error {
	name, value, _ := strings.Cut(step, ":")
	switch name {
	case "lines":
		return w.lines(ctx, value, os.Stdout, os.Stdout)
	case "err-lines":
		return w.lines(ctx, value, os.Stderr, os.Stderr)
	case "mixed":
		return w.lines(ctx, value, os.Stdout, os.Stderr)
	case "long":
		length, err := strconv.Atoi(value)
		if err != nil {
			return err
		}
		w.next++
		_, err = fmt.Println(lines.Make(w.next, length))
		return err
	case "out":
		_, err := fmt.Println(value)
		return err
	case "err":
		_, err := fmt.Fprintln(os.Stderr, value)
		return err
	case "raw":
		_, err := fmt.Print(value)
		return err
	case "alloc":
		mib, err := strconv.Atoi(value)
		if err != nil {
			return err
		}
		return w.allocate(mib)
	case "child":
		child := exec.CommandContext(ctx, "/proc/self/exe", value)
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		_ = child.Run() // it may be killed, which is what it is for
		return nil
	case "burn":
		millicores, err := strconv.Atoi(value)
		if err == nil {
			err = burn(ctx, millicores)
		}
		return err
	case "receive":
		return receive(ctx, value)
	case "send":
		return send(ctx, value)
	case "net":
		return printNetwork()
	case "sleep":
		d, err := time.ParseDuration(value)
		pause(ctx, d)
		return err
	case "await":
		return await(ctx, value)
	case "exit":
		code, err := strconv.Atoi(value)
		if err == nil {
			os.Exit(code)
		}
		return err
	case "pause":
		<-ctx.Done()
		return nil
	default:
		return fmt.Errorf("unknown step %q", step)
	}
}

// lines writes numbered lines, in turn to odd and even. At a rate they go out one by one.
func (w *work) lines(ctx context.Context, value string, odd, even *os.File) error {
	count, rate, limited := strings.Cut(value, "@")
	n := math.MaxInt
	if count != "all" {
		var err error
		if n, err = strconv.Atoi(count); err != nil {
			return err
		}
	}
	if !limited && odd == even {
		b := bufio.NewWriter(odd)
		for range n {
			w.next++
			b.WriteString(lines.Make(w.next, 0))
			b.WriteByte('\n')
		}
		return b.Flush()
	}
	perSecond := 0
	if limited {
		var err error
		if perSecond, err = strconv.Atoi(rate); err != nil || perSecond <= 0 {
			return fmt.Errorf("rate %q", rate)
		}
	}
	start := time.Now()
	for i := 0; i < n && ctx.Err() == nil; i++ {
		if limited {
			pause(ctx, time.Until(start.Add(time.Duration(i)*time.Second/time.Duration(perSecond))))
		}
		w.next++
		file := even
		if w.next%2 == 1 {
			file = odd
		}
		if _, err := fmt.Fprintln(file, lines.Make(w.next, 0)); err != nil {
			return err
		}
	}
	return nil
}

// await waits until a file is there.
func await(ctx context.Context, file string) error {
	for ctx.Err() == nil {
		if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		pause(ctx, 10*time.Millisecond)
	}
	return nil
}

// pause waits, or returns early when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
