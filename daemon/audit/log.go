// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/noded/noded/daemon/peercred"
)

// Config says how a Log works.
type Config struct {
	// Role names the role of a caller.
	Role func(*peercred.Peer) string
	// DenialsPerWindow lines about refused calls of one user are written in each Window, and ten times as many about those
	// of all; the rest is counted. Zero values mean 10 and 10 s.
	DenialsPerWindow int
	Window           time.Duration
}

// Log writes the lines. It is safe for concurrent use.
type Log struct {
	log     *slog.Logger
	role    func(*peercred.Peer) string
	denials *windows
}

var _ stats.Handler = (*Log)(nil)

// New returns a Log that writes to logger.
func New(logger *slog.Logger, c Config) *Log {
	if c.DenialsPerWindow == 0 {
		c.DenialsPerWindow = 10
	}
	if c.Window == 0 {
		c.Window = 10 * time.Second
	}
	return &Log{log: logger, role: c.Role, denials: newWindows(c.DenialsPerWindow, c.Window)}
}

// TagRPC implements stats.Handler.
func (l *Log) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, callKey{}, &Call{})
}

// HandleRPC implements stats.Handler: it counts what is sent.
func (l *Log) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if out, ok := s.(*stats.OutPayload); ok {
		if c := FromContext(ctx); c != nil {
			c.bytes.Add(int64(out.WireLength))
		}
	}
}

// TagConn implements stats.Handler.
func (l *Log) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (l *Log) HandleConn(context.Context, stats.ConnStats) {}

// Unary is the interceptor of unary calls.
func (l *Log) Unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	start := time.Now()
	response, err := handler(ctx, req)
	l.write(ctx, info.FullMethod, start, err)
	return response, err
}

// Stream is the interceptor of streams.
func (l *Log) Stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	start := time.Now()
	err := handler(srv, stream)
	l.write(stream.Context(), info.FullMethod, start, err)
	return err
}

// Refused writes a line about a connection that was closed at once. It is a refusal like that of a call.
func (l *Log) Refused(p *peercred.Peer, err error) {
	ok, suppressed := l.denials.allow(p.UID, time.Now())
	if !ok {
		return
	}
	attrs := []slog.Attr{slog.Uint64("uid", uint64(p.UID)), slog.Int64("pid", int64(p.PID)), slog.String("err", err.Error())}
	if suppressed > 0 {
		attrs = append(attrs, slog.Int("denials_not_logged", suppressed))
	}
	l.log.LogAttrs(context.Background(), slog.LevelWarn, "connection refused", attrs...)
}

func (l *Log) write(ctx context.Context, method string, start time.Time, err error) {
	code := status.Code(err)
	level := slog.LevelInfo
	attrs := make([]slog.Attr, 0, 12)
	caller, known := peercred.FromContext(ctx)
	if known {
		attrs = append(attrs,
			slog.Uint64("uid", uint64(caller.UID)),
			slog.Int64("pid", int64(caller.PID)),
			slog.String("role", l.role(caller)))
		if caller.Self {
			level = slog.LevelDebug
		}
	}
	attrs = append(attrs, slog.String("method", method))
	call := FromContext(ctx)
	if code == codes.PermissionDenied || code == codes.Unauthenticated {
		level = slog.LevelWarn
	}
	if refused(code, call) {
		var uid uint32
		if known {
			uid = caller.UID
		}
		ok, suppressed := l.denials.allow(uid, start)
		if !ok {
			return
		}
		if suppressed > 0 {
			attrs = append(attrs, slog.Int("denials_not_logged", suppressed))
		}
	}
	if call != nil {
		if s := call.selected(); s != "" {
			attrs = append(attrs, slog.String("selectors", s))
		}
		attrs = append(attrs, slog.Int64("records", call.records.Load()), slog.Int64("bytes", call.bytes.Load()))
	}
	attrs = append(attrs, slog.String("result", code.String()))
	if code == codes.Internal || code == codes.Unknown {
		level = slog.LevelError
		attrs = append(attrs, slog.String("err", status.Convert(err).Message()))
	}
	attrs = append(attrs, slog.Duration("duration", time.Since(start).Round(time.Microsecond)))
	l.log.LogAttrs(ctx, level, "call", attrs...)
}

// refused reports whether the call was not let in: for want of a role, of such a method, or of room. Who is refused can
// try again as fast as the log can grow.
func refused(code codes.Code, call *Call) bool {
	switch code {
	case codes.PermissionDenied, codes.Unauthenticated, codes.Unimplemented:
		return true
	case codes.ResourceExhausted:
		// A stream that was cut had been let in, and has sent something.
		return call == nil || call.bytes.Load() == 0
	default:
		return false
	}
}
