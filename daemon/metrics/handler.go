// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/prometheus/common/expfmt"

	"github.com/noded/noded/runtime/stats"
)

const (
	// concurrentScrapes is how many are written at a time; others wait for their turn. Two Prometheus for availability ask at about
	// the same time.
	concurrentScrapes = 2
	// scrapeTimeout is how long a scrape may wait for its turn and for numbers. Prometheus' own default is as long.
	scrapeTimeout = 10 * time.Second
)

// The paths.
const (
	PathOwn      = "/metrics"
	PathCadvisor = "/metrics/cadvisor"
	PathResource = "/metrics/resource"
)

// scrapes counts the scrapes of a path.
type scrapes struct {
	path string
	// done were answered, failed were not: there was no turn for them in time, or whoever asked went away.
	done, failed atomic.Uint64
	// nanoseconds is how long it took to make the answers.
	nanoseconds atomic.Uint64
	write       func(ctx context.Context, e *exposition) error
}

// Handler returns what answers scrapes, without TLS and users.
func (m *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, s := range m.scrapes {
		mux.HandleFunc("GET "+s.path, func(w http.ResponseWriter, r *http.Request) { m.scrape(w, r, s) })
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "noded\n"+PathOwn+"\n"+PathCadvisor+"\n"+PathResource+"\n")
	})
	return mux
}

// scrape answers a request.
func (m *Server) scrape(w http.ResponseWriter, r *http.Request, s *scrapes) {
	open := expfmt.NegotiateAccept(r.Header, expfmt.DefaultOpenMetricsAcceptedFormats()...).FormatType() == expfmt.TypeOpenMetrics
	compressed := acceptsGzip(r.Header)
	ctx, cancel := context.WithTimeout(r.Context(), scrapeTimeout)
	defer cancel()
	a := &answer{ctx: ctx, room: &m.room}
	defer a.release()
	whole, err := m.write(a, s, open, compressed)
	if err != nil {
		s.failed.Add(1)
		m.log.Debug("a scrape was not answered", "path", s.path, "err", err)
		http.Error(w, "not now: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	header := w.Header()
	header.Set("Content-Type", string(formatOf(open)))
	header.Set("X-Content-Type-Options", "nosniff")
	header.Add("Vary", "Accept, Accept-Encoding")
	header.Set("Content-Length", strconv.Itoa(a.size))
	if compressed {
		header.Set("Content-Encoding", "gzip")
	}
	if err := a.send(w); err != nil {
		s.failed.Add(1)
		m.log.Debug("a scrape was not answered whole", "path", s.path, "err", err)
		return
	}
	if whole {
		s.done.Add(1)
	} else {
		s.failed.Add(1)
	}
}

// write makes the answer, when it is its turn. whole is false if some of it could not be told.
func (m *Server) write(a *answer, s *scrapes, open, compressed bool) (whole bool, err error) {
	select {
	case m.turns <- struct{}{}:
		defer func() { <-m.turns }()
	case <-a.ctx.Done():
		return false, errors.New("too many scrapes at a time")
	}
	began := time.Now()
	defer func() { s.nanoseconds.Add(uint64(time.Since(began))) }()
	e := &exposition{out: a, open: open}
	if b, ok := m.buffers.Get().(*[]byte); ok {
		e.b = (*b)[:0]
	}
	defer func() {
		b := e.b[:0]
		m.buffers.Put(&b)
	}()
	var compressor *gzip.Writer
	if compressed {
		compressor = m.compressor(a)
		defer m.compressors.Put(compressor)
		e.out = compressor
	}
	told := s.write(a.ctx, e)
	if told != nil {
		m.log.Debug("a scrape is answered in part", "path", s.path, "err", told)
	}
	err = e.close()
	if compressor != nil && err == nil {
		err = compressor.Close()
	}
	return told == nil, err
}

func (m *Server) compressor(w io.Writer) *gzip.Writer {
	if c, ok := m.compressors.Get().(*gzip.Writer); ok {
		c.Reset(w)
		return c
	}
	c, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		// The level is one that there is.
		return gzip.NewWriter(w)
	}
	return c
}

// newScrapes returns the paths and what is written at each.
func (m *Server) newScrapes() []*scrapes {
	return []*scrapes{
		{path: PathOwn, write: func(ctx context.Context, e *exposition) error { return m.writeOwn(e, m.snapshot(ctx)) }},
		{path: PathCadvisor, write: func(ctx context.Context, e *exposition) error {
			filesystems, err := m.config.Source.Filesystems(ctx)
			if err != nil {
				m.log.Debug("a scrape without filesystems", "err", err)
			}
			machine, err := m.config.Source.Machine()
			known := &machine
			if err != nil {
				m.log.Debug("a scrape without the machine", "err", err)
				known = nil
			}
			m.writeCadvisor(e, m.snapshot(ctx), filesystems, known)
			return nil
		}},
		{path: PathResource, write: func(ctx context.Context, e *exposition) error {
			writeResource(e, m.snapshot(ctx))
			return nil
		}},
	}
}

// snapshot returns nil if there is none; what is written says so.
func (m *Server) snapshot(ctx context.Context) *stats.Snapshot {
	s, err := m.config.Source.Snapshot(ctx)
	if err != nil {
		m.log.Debug("a scrape without figures", "err", err)
		return nil
	}
	return s
}

// writeScrapes writes how often and how long it was scraped.
func (m *Server) writeScrapes(e *exposition) {
	write := func(name, help string, value func(s *scrapes)) {
		e.family(name, help, counter)
		for _, s := range m.scrapes {
			e.sample(`path="`+s.path+`"`, "")
			value(s)
		}
	}
	m.denials.write(e)
	write("noded_scrapes_total", "Scrapes that were answered.", func(s *scrapes) { e.count(s.done.Load(), 0) })
	write("noded_scrapes_failed_total", "Scrapes that were not answered, or not whole.", func(s *scrapes) { e.count(s.failed.Load(), 0) })
	write("noded_scrape_duration_seconds_total", "How long it took to make the answers to scrapes, without sending them.", func(s *scrapes) { e.seconds(s.nanoseconds.Load(), 0) })
}

// acceptsGzip reports whether whoever asks takes gzip.
func acceptsGzip(h http.Header) bool {
	for part := range strings.SplitSeq(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.TrimSpace(name) == "gzip" {
			return strings.Trim(strings.TrimPrefix(strings.TrimSpace(quality), "q="), "0.") != "" || quality == ""
		}
	}
	return false
}
