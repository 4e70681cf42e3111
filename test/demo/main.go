// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command demo boots a node, installs a package of noded in it, lets a unit named kubelet.service print what a
// kubelet prints, and reads it back through noded.
//
//	go run ./test/demo dist/demo/noded_*.deb
//
// Nothing of it stays on this machine.
package main

import (
	"context"
	_ "embed" // kubelet.sh
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/noded/noded/test/testnode"
)

//go:embed kubelet.sh
var kubelet string

const kubeletUnit = `[Unit]
Description=kubelet: The Kubernetes Node Agent

[Service]
ExecStart=/usr/local/bin/kubelet
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	if len(args) != 1 {
		return errors.New("usage: demo PACKAGE.deb")
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	fmt.Fprintln(out, "booting a node: systemd, journald and D-Bus in namespaces of their own ...")
	node, err := testnode.Boot(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Shutdown()) }()
	d := &demo{ctx: ctx, node: node, out: out}

	if err := node.CopyIn(ctx, args[0], "/root/noded.deb", 0o644); err != nil {
		return err
	}
	d.show("dpkg --install /root/noded.deb")
	d.write("/usr/local/bin/kubelet", kubelet, 0o755)
	d.write("/etc/systemd/system/kubelet.service", kubeletUnit, 0o644)
	d.show("systemctl daemon-reload")
	d.show("systemctl start kubelet.service")
	d.waitFor("Kubelet version")
	d.waitFor("PLEG")
	d.show("nodectl status")
	d.show("nodectl get units kubelet*")
	d.show("nodectl journal kubelet --since 1h --level error --no-pager")
	d.show("nodectl journal kubelet --since 1h --no-pager")
	if d.err == nil && !strings.Contains(d.last, "kubelet[") {
		d.err = errors.New("noded returned no line of kubelet.service")
	}
	return d.err
}

// demo runs commands in a node until one goes wrong.
type demo struct {
	ctx  context.Context
	node *testnode.Node
	out  io.Writer
	// last is what the last command printed.
	last string
	err  error
}

func (d *demo) show(command string) {
	if d.err != nil {
		return
	}
	fmt.Fprintf(d.out, "\n# %s\n", command)
	words := strings.Fields(command)
	d.last, d.err = d.node.Run(d.ctx, words[0], words[1:]...)
	fmt.Fprint(d.out, d.last)
}

func (d *demo) write(path, content string, mode os.FileMode) {
	if d.err == nil {
		d.err = d.node.WriteFile(d.ctx, path, strings.NewReader(content), mode)
	}
}

// waitFor waits until the journal of the kubelet has a text.
func (d *demo) waitFor(text string) {
	for d.err == nil {
		out, err := d.node.Run(d.ctx, "nodectl", "journal", "kubelet", "--no-pager", "-q", "-o", "cat")
		if err != nil {
			d.err = err
		}
		if strings.Contains(out, text) {
			return
		}
		if d.ctx.Err() != nil {
			d.err = fmt.Errorf("no line with %q: %w", text, d.ctx.Err())
		}
		time.Sleep(100 * time.Millisecond)
	}
}
