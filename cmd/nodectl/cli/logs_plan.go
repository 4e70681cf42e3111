// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// selectorTail is what --tail is with a selector, as for kubectl.
const selectorTail = 10

// logsPlan is what nodectl logs is to do, after everything on the command line was read and checked.
type logsPlan struct {
	wanted inventory.LogSelector
	query  podlog.Query
	// word is the name that was given, if it can be that of something else than a pod: a container's id or name, or a unit.
	word string
	// several: lines of more than one container can come.
	several bool
}

// makePlan checks the options and arguments and makes a plan of them. All mistakes are reported together.
func (f *logsFlags) makePlan(flags *pflag.FlagSet, args []string, now time.Time) (*logsPlan, error) {
	p := &logsPlan{query: podlog.NewQuery()}
	var errs []error
	keep := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	keep(checkFormat(f.output, logFormats()))
	keep(f.exclusive(flags))
	keep(f.selection(p, flags, args))
	keep(f.window(&p.query, flags, now))
	keep(f.count(&p.query, flags))
	keep(f.filter(&p.query.Filter, flags))
	p.query.Reverse = f.reverse
	switch {
	case f.allRestarts:
		p.query.Runs = podlog.RunsAll
	case f.previous:
		p.query.Runs = podlog.RunsPrevious
	}
	// Nothing can come after the end of a run that is over.
	p.query.Follow = f.follow && !f.previous
	return p, errors.Join(errs...)
}

// exclusive refuses options that contradict each other.
func (f *logsFlags) exclusive(flags *pflag.FlagSet) error {
	switch {
	case f.follow && f.reverse:
		return &usageError{err: errors.New("--follow and --reverse exclude each other: new lines come last")}
	case f.previous && f.allRestarts:
		return &usageError{err: errors.New("--previous and --all-restarts exclude each other: choose which runs")}
	case flags.Changed("since") && flags.Changed("since-time"):
		return &usageError{err: errors.New("at most one of --since and --since-time may be specified")}
	case f.output == logRaw && (f.timestamps || f.prefix):
		return &usageError{err: errors.New("-o raw prints what was written and nothing else: --timestamps and --prefix cannot be used with it"), hint: "-o text"}
	case flags.Changed("root") && f.root == "":
		return &usageError{err: errors.New("--root is empty: want a path"), hint: "without --root to ask noded"}
	case flags.Changed("root") && flags.Changed("address"):
		return &usageError{err: errors.New("--root and --address exclude each other: choose one source")}
	case f.root != "" && f.selector != "":
		return &usageError{err: errors.New("--selector cannot be used with --root: a log tree has no labels"), hint: "TYPE/NAME, or --all-pods"}
	}
	return nil
}

// selection sets which containers are wanted.
func (f *logsFlags) selection(p *logsPlan, flags *pflag.FlagSet, args []string) error {
	container := f.container
	switch {
	case flags.Changed("selector") && strings.TrimSpace(f.selector) == "":
		return &usageError{err: errors.New("--selector is empty"), hint: "-l app=web, or --all-pods"}
	case len(args) > 2 || len(args) == 0 && f.selector == "" && !f.allPods:
		return &usageError{
			err:  errors.New("expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]': POD or TYPE/NAME is a required argument for the logs command"),
			hint: "nodectl get pods",
		}
	case len(args) > 0 && f.selector != "":
		return &usageError{err: errors.New("only a selector (-l) or a POD name is allowed")}
	case len(args) > 0 && args[0] == "":
		return &usageError{err: errors.New("the name of the pod is empty"), hint: "nodectl get pods"}
	case len(args) == 2 && flags.Changed("container"):
		return &usageError{err: errors.New("only one of -c or an inline [CONTAINER] arg is allowed")}
	case len(args) == 2:
		container = args[1]
	}
	if f.allContainers && container != "" {
		return &usageError{err: fmt.Errorf("--all-containers=true should not be specified with container name %s", container)}
	}
	pods := &inventory.PodSelector{LabelSelector: f.selector}
	if !f.allNamespaces {
		pods.Namespace = f.namespace
	}
	p.wanted = inventory.LogSelector{Pods: pods, AllContainers: f.allContainers}
	if container != "" {
		p.wanted.Containers = []string{container}
	}
	p.several = len(args) == 0 || f.allContainers || f.allPods
	if len(args) == 0 {
		return nil
	}
	name := args[0]
	for _, scheme := range []string{"containerd://", "docker://", "cri-o://"} {
		if strings.HasPrefix(name, scheme) {
			return f.byID(p, name, container)
		}
	}
	pods.Names = []string{name}
	kind, _, typed := strings.Cut(name, "/")
	p.several = p.several || typed && !slices.Contains([]string{"pod", "pods", "po"}, strings.ToLower(kind))
	if !typed && container == "" && !f.allContainers {
		p.word = name
	}
	return nil
}

// byID selects a container by the id that the runtime gave it.
func (f *logsFlags) byID(p *logsPlan, id, container string) error {
	if container != "" || f.allContainers || f.namespace != "" {
		return &usageError{err: fmt.Errorf("%s is one container: no container, namespace or --all-containers can be given with it", id)}
	}
	p.wanted = inventory.LogSelector{ContainerIDs: []string{id}}
	return nil
}

// window sets between which times.
func (f *logsFlags) window(q *podlog.Query, flags *pflag.FlagSet, now time.Time) error {
	var errs []error
	point := func(name, value string) *int64 {
		if !flags.Changed(name) || name == "since" && isZeroSpan(value) {
			return nil
		}
		t, err := parseLogTime(name, value, now)
		if err != nil {
			errs = append(errs, err)
			return nil
		}
		nano := t.UnixNano()
		return &nano
	}
	q.Since, q.Until = point("since", f.since), point("until", f.until)
	if at := point("since-time", f.sinceTime); at != nil {
		q.Since = at
	}
	if q.Since != nil && q.Until != nil && *q.Since > *q.Until {
		name := "since"
		if flags.Changed("since-time") {
			name = "since-time"
		}
		text := func(nano int64) string { return time.Unix(0, nano).Format(stampFormat) }
		errs = append(errs, &usageError{
			err:  fmt.Errorf("--%s %s is after --until %s", name, text(*q.Since), text(*q.Until)),
			hint: "--" + name + " with the earlier time",
		})
	}
	return errors.Join(errs...)
}

// isZeroSpan reports whether kubectl takes the value for no bound at all.
func isZeroSpan(value string) bool {
	d, err := time.ParseDuration(value)
	return err == nil && d == 0
}

// parseLogTime reads a point in time: as kubectl and docker take it, exact to the nanosecond, and as nodectl journal does.
func parseLogTime(name, value string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, value); err == nil && t.Year() >= 1970 && t.Year() < 2262 {
		return t, nil
	}
	if name == "since-time" {
		return time.Time{}, &journal.QueryError{Field: name, Value: value, Reason: "not an RFC 3339 time such as 2026-11-23T18:00:00Z"}
	}
	if isUnixTime(value) {
		value = "@" + value
	}
	t, err := parsePoint(value, now, time.Local)
	if d, derr := time.ParseDuration(value); err != nil && derr == nil && d > 0 {
		// A form of Go's that systemd does not have.
		t, err = now.Add(-d), nil
	}
	if err == nil && t.Year() >= 2262 {
		err = &journal.QueryError{Field: name, Value: value, Reason: "outside of the years 1970 to 2261"}
	}
	return t, named(err, name)
}

// isUnixTime reports whether value is seconds since the epoch, as docker logs takes them.
func isUnixTime(value string) bool {
	seconds, fraction, _ := strings.Cut(value, ".")
	digits := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
	return len(seconds) >= 9 && digits(seconds) && digits(fraction)
}

// count sets how much is shown.
func (f *logsFlags) count(q *podlog.Query, flags *pflag.FlagSet) error {
	var errs []error
	switch {
	case flags.Changed("tail"):
		n, err := parseTail(f.tail)
		q.Tail = n
		errs = append(errs, err)
	case f.selector != "" || f.allPods && flags.NArg() == 0:
		q.Tail = selectorTail
	}
	if f.limitBytes < 0 {
		errs = append(errs, &usageError{err: errors.New("--limit-bytes must be greater than 0")})
	}
	if f.maxRequests < 0 {
		errs = append(errs, &usageError{err: errors.New("--max-log-requests must not be negative")})
	}
	if d, err := time.ParseDuration(f.podRunningTimeout); err != nil || d <= 0 {
		errs = append(errs, &usageError{err: errors.New("--pod-running-timeout must be higher than zero"), hint: "--pod-running-timeout 20s"})
	}
	return errors.Join(errs...)
}

// parseTail reads the value of --tail: a number, -1 or all.
func parseTail(s string) (int64, error) {
	if s == "all" {
		return podlog.LinesAll, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil:
		return 0, &usageError{err: fmt.Errorf("--tail %q: want a number, -1 or all", s), hint: "--tail 100"}
	case n < podlog.LinesAll:
		return 0, &usageError{err: errors.New("--tail must be greater than or equal to -1")}
	}
	return n, nil
}

// filter sets which lines are wanted.
func (f *logsFlags) filter(filter *podlog.Filter, flags *pflag.FlagSet) error {
	var errs []error
	for _, p := range []struct{ name, text string }{{"grep", f.grep}, {"exclude", f.exclude}} {
		if p.text == "" {
			continue
		}
		if _, err := journal.NewPattern(p.name, p.text, false); err != nil {
			errs = append(errs, err)
		}
	}
	var err error
	if flags.Changed("level") {
		filter.MaxLevel, err = journal.ParseLevel(f.minLevel)
		errs = append(errs, err)
	}
	filter.Grep, filter.Exclude = f.grep, f.exclude
	filter.IgnoreCase, err = ignoresCase(flags.Changed("case-sensitive"), f.caseSensitive, f.grep, f.exclude)
	filter.IgnoreCase = filter.IgnoreCase && f.grep+f.exclude != ""
	errs = append(errs, err)
	for _, name := range f.streams {
		switch name {
		case "stdout":
			filter.Streams = append(filter.Streams, podlog.Stdout)
		case "stderr":
			filter.Streams = append(filter.Streams, podlog.Stderr)
		default:
			errs = append(errs, &usageError{err: fmt.Errorf("--stream %q: want stdout or stderr", name), hint: "--stream stderr"})
		}
	}
	return errors.Join(errs...)
}
