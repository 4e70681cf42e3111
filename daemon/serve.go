// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/noded/noded/daemon/socket"
)

// stopGrace is how long calls whose connection was taken away have to end.
const stopGrace = 5 * time.Second

// Run builds a daemon and serves until ctx ends.
func Run(ctx context.Context, o Options) error {
	d, err := New(o)
	if err != nil {
		return err
	}
	return d.Serve(ctx)
}

// Serve serves until ctx ends, which is an orderly stop and gives nil, or until a listener
// breaks. It is called once.
func (d *Daemon) Serve(ctx context.Context) error {
	listeners := d.options.Listeners
	if len(listeners) == 0 {
		server := &d.loaded.Config.Server
		l, err := socket.Listen(socket.Config{Path: server.Socket, Mode: server.SocketMode, Group: server.SocketGroup}, d.log)
		if err != nil {
			return err
		}
		listeners = []*socket.Listener{l}
	}

	scraped, err := d.listenMetrics(ctx)
	if err != nil {
		return errors.Join(err, closeAll(listeners))
	}

	var running sync.WaitGroup
	broken := make(chan error, len(listeners)+1)
	addresses := make([]string, len(listeners))
	for i, l := range listeners {
		addresses[i] = l.Addr().String()
		running.Go(func() {
			if err := d.server.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
				broken <- fmt.Errorf("serve on %s: %w", l.Addr(), err)
			}
		})
	}
	// Pods and containers, and what they use, are known until the last call has ended.
	sourcesCtx, stopSources := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSources()
	running.Go(func() { d.containers.run(sourcesCtx) })
	running.Go(func() { d.usage.run(sourcesCtx) })
	if scraped != nil {
		running.Go(func() {
			if err := d.metrics.Serve(sourcesCtx, scraped); err != nil {
				broken <- err
			}
		})
	}
	watchdogCtx, stopWatchdog := context.WithCancel(ctx)
	defer stopWatchdog()
	if d.notifier.Watched() {
		self, err := newSelfCheck(d.server, &running)
		if err != nil {
			return errors.Join(err, d.end(&running, stopSources))
		}
		running.Go(func() {
			d.notifier.RunWatchdog(watchdogCtx, self.check)
			self.close()
		})
	}
	status := fmt.Sprintf("serving %s from %s", strings.Join(addresses, ", "), d.location)
	d.log.Info("serving", "sockets", addresses, "journal", d.location, "version", d.options.Version)
	d.warnUnreadable()
	d.notifier.Ready(status)
	err = d.loop(ctx, broken, status)

	d.notifier.Stopping()
	d.log.Info("stopping", "open_streams", d.calls.Open())
	stopWatchdog()
	if stopErr := d.end(&running, stopSources); stopErr != nil {
		return errors.Join(err, stopErr)
	}
	d.log.Info("stopped")
	return err
}

// closeAll closes listeners on which nothing is served.
func closeAll(listeners []*socket.Listener) error {
	var errs []error
	for _, l := range listeners {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// end stops the server, then what it is served from, and waits for what runs, but not for ever: a handler inside
// libsystemd, which waits for a disk that does not answer, cannot be ended.
func (d *Daemon) end(running *sync.WaitGroup, stopSources func()) error {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.stop()
		stopSources()
		running.Wait()
		d.containers.close()
	}()
	limit := d.limits.Load().DrainTimeout + cmp.Or(d.options.StopGrace, stopGrace)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-ended:
		return nil
	case <-timer.C:
		d.log.Error("calls do not end; leaving them behind", "open_streams", d.calls.Open(), "waited", limit)
		return fmt.Errorf("stop: calls did not end within %v", limit)
	}
}

// loop waits for what happens while noded serves.
func (d *Daemon) loop(ctx context.Context, broken <-chan error, status string) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-broken:
			return err
		case <-d.options.Hangup:
			d.notifier.Reloading()
			d.reload()
			d.notifier.Ready(status)
		}
	}
}

// stop ends all calls and returns when they have ended. First no new ones are taken, then those that run are told;
// clients that do not let go within limits.drain_timeout lose their connection.
func (d *Daemon) stop() {
	d.health.Shutdown()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		d.server.GracefulStop()
	}()
	d.calls.Stop()
	d.peers.CloseSilent()
	timer := time.NewTimer(d.limits.Load().DrainTimeout)
	defer timer.Stop()
	select {
	case <-drained:
	case <-timer.C:
		d.log.Warn("closing connections of clients that do not let go", "open_streams", d.calls.Open())
		d.peers.CloseAll()
		d.server.Stop()
		<-drained
	}
	d.calls.Wait()
	d.stats.Close()
}
