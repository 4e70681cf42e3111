// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// Notifier sends messages to the service manager. It is safe for concurrent use.
type Notifier struct {
	// send delivers one message.
	send     func(message string) error
	watchdog time.Duration
	log      *slog.Logger
}

// FromEnvironment returns the Notifier for NOTIFY_SOCKET and WATCHDOG_USEC.
func FromEnvironment(logger *slog.Logger) *Notifier {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		logger.Warn("the watchdog is off", "err", err)
	}
	return New(func(message string) error {
		_, err := daemon.SdNotify(false, message)
		return err
	}, interval, logger)
}

// New returns a Notifier that sends through send. watchdog is the time in which the service
// manager wants to hear a sign of life; 0 for none.
func New(send func(message string) error, watchdog time.Duration, logger *slog.Logger) *Notifier {
	return &Notifier{send: send, watchdog: watchdog, log: logger}
}

func (n *Notifier) notify(lines ...string) {
	if err := n.send(strings.Join(lines, "\n")); err != nil {
		n.log.Warn("the service manager was not notified", "state", lines[0], "err", err)
	}
}

// Ready says that noded serves. status is a line for people.
func (n *Notifier) Ready(status string) {
	n.notify(daemon.SdNotifyReady, "STATUS="+oneLine(status))
}

// Reloading says that noded reads its configuration again; Ready ends it.
func (n *Notifier) Reloading() {
	n.notify(daemon.SdNotifyReloading, fmt.Sprintf("MONOTONIC_USEC=%d", monotonicUsec()))
}

// Stopping says that noded ends.
func (n *Notifier) Stopping() { n.notify(daemon.SdNotifyStopping, "STATUS=stopping") }

// Watched reports whether the service manager wants signs of life.
func (n *Notifier) Watched() bool { return n.watchdog > 0 }

// RunWatchdog sends a sign of life at twice the rate that is wanted, while check passes. It
// returns when ctx ends. check must return when its context ends.
func (n *Notifier) RunWatchdog(ctx context.Context, check func(context.Context) error) {
	if n.watchdog <= 0 {
		return
	}
	ticker := time.NewTicker(n.watchdog / 2)
	defer ticker.Stop()
	for {
		n.beat(ctx, check)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (n *Notifier) beat(ctx context.Context, check func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, n.watchdog/4)
	defer cancel()
	switch err := check(ctx); {
	case err == nil:
		n.notify(daemon.SdNotifyWatchdog)
	case errors.Is(ctx.Err(), context.Canceled):
		// noded stops.
	default:
		n.log.Error("the self-check does not pass; the service manager is not told that noded lives", "err", err)
	}
}

func oneLine(s string) string { return strings.ReplaceAll(s, "\n", " ") }

// monotonicUsec is CLOCK_MONOTONIC, which the service manager compares with its own.
func monotonicUsec() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return ts.Nano() / int64(time.Microsecond)
}
