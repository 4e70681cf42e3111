// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// denialPause is the least time between two lines of the log about those who are denied.
const denialPause = 10 * time.Second

// denial is why a connection or a request was denied.
type denial uint8

const (
	// deniedCertificate: the certificate of the client is missing, or not one that is accepted. deniedHandshake: TLS failed otherwise.
	deniedCertificate denial = iota
	deniedHandshake
	// deniedUser: no user, or not the right password.
	deniedUser
	// deniedConfig: the web configuration, or a certificate that it names, cannot be used, so that nobody is served.
	deniedConfig
	// deniedConnections: there are too many connections of one address.
	deniedConnections
	denialCount
)

func (d denial) String() string {
	return [...]string{"certificate", "handshake", "user", "web_config", "connections"}[d]
}

// denials counts those who were denied, and tells of them at a limited rate: whoever can connect can fill a log else. It is safe for
// concurrent use.
type denials struct {
	log    *slog.Logger
	counts [denialCount]atomic.Uint64

	// mu guards the fields below: when the last line of each kind was logged, and how many were not since.
	mu         sync.Mutex
	logged     [denialCount]time.Time
	suppressed [denialCount]int
}

// add tells of one. remote is an address, with or without a port.
func (d *denials) add(reason denial, remote string, err any) {
	d.counts[reason].Add(1)
	now := time.Now()
	d.mu.Lock()
	if last := d.logged[reason]; !last.IsZero() && now.Sub(last) < denialPause {
		d.suppressed[reason]++
		d.mu.Unlock()
		return
	}
	suppressed := d.suppressed[reason]
	d.logged[reason], d.suppressed[reason] = now, 0
	d.mu.Unlock()
	attrs := []any{"reason", reason.String(), "remote_address", remote}
	if suppressed > 0 {
		attrs = append(attrs, "denials_not_logged", suppressed)
	}
	if err != nil {
		attrs = append(attrs, "err", err)
	}
	if reason == deniedConfig {
		d.log.Error("metrics are served to nobody, their web configuration cannot be used", attrs...)
		return
	}
	d.log.Warn("metrics were denied", attrs...)
}

// request tells of a request that was denied.
func (d *denials) request(r *http.Request, reason denial, err error) {
	var text any
	if err != nil {
		text = err
	}
	d.add(reason, r.RemoteAddr, text)
}

// serverLog is what an http.Server logs to, which is the only one to know of handshakes that failed. What else it says is worth no line.
type serverLog struct {
	slog.Handler
	denials *denials
}

// Enabled implements slog.Handler.
func (serverLog) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (l serverLog) Handle(ctx context.Context, r slog.Record) error {
	text, ok := strings.CutPrefix(r.Message, "http: TLS handshake error from ")
	if !ok {
		if l.Handler.Enabled(ctx, r.Level) {
			return l.Handler.Handle(ctx, r)
		}
		return nil
	}
	remote, reason, _ := strings.Cut(text, ": ")
	switch {
	case strings.Contains(reason, "metrics.web_config_file"):
		l.denials.add(deniedConfig, remote, reason)
	case strings.Contains(reason, "certificate") || strings.Contains(reason, "allowed SANs"):
		l.denials.add(deniedCertificate, remote, reason)
	default:
		l.denials.add(deniedHandshake, remote, reason)
	}
	return nil
}

// write writes the counters.
func (d *denials) write(e *exposition) {
	e.family("noded_scrapes_denied_total", "Connections and requests that were denied, by reason.", counter)
	for reason := range denialCount {
		e.sample(`reason="`+reason.String()+`"`, "")
		e.count(d.counts[reason].Load(), 0)
	}
}
