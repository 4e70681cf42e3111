// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Kubelet prints a log of a container with the kubelet's own reader. It is what nodectl logs is compared with.
//
//	kubelet -file /var/log/pods/default_web-0_UID/app/0.log -tail 1000
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/go-logr/logr"
	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-client/pkg/logs"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "kubelet:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("kubelet", flag.ContinueOnError)
	flags.SetOutput(stderr)
	file := flags.String("file", "", "log to read")
	tail := flags.Int64("tail", -1, "number of lines from the end")
	since := flags.String("since-time", "", "only lines of this time or later")
	follow := flags.Bool("f", false, "go on with lines as they are written, until killed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *file == "" || flags.NArg() > 0 {
		return errors.New("wrong flags; see -help")
	}
	opts := &logs.LogOptions{Follow: *follow}
	if *tail >= 0 {
		opts.TailLines = tail
	}
	if *since != "" {
		var err error
		if opts.Since, err = time.Parse(time.RFC3339Nano, *since); err != nil {
			return err
		}
	}
	ctx = logr.NewContext(ctx, logr.Discard())
	if *follow {
		return logs.ReadLogs(ctx, *file, "id", opts, running{}, stdout, stdout)
	}
	// The kubelet's server writes what it reads in large pieces, too.
	out := bufio.NewWriterSize(stdout, 1<<16)
	return errors.Join(logs.ReadLogs(ctx, *file, "", opts, nil, out, out), out.Flush())
}

// running is a runtime in which every container runs, which is all that a follower asks.
type running struct{ internalapi.RuntimeService }

// ContainerStatus implements internalapi.RuntimeService.
func (running) ContainerStatus(context.Context, string, bool) (*runtimeapi.ContainerStatusResponse, error) {
	return &runtimeapi.ContainerStatusResponse{Status: &runtimeapi.ContainerStatus{State: runtimeapi.ContainerState_CONTAINER_RUNNING}}, nil
}
