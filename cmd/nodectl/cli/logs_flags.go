// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// logsFlags are the options of nodectl logs as they were written.
type logsFlags struct {
	root                    string
	namespace               string
	allNamespaces           bool
	selector                string
	container               string
	allContainers, allPods  bool
	follow                  bool
	previous, allRestarts   bool
	tail                    string
	since, sinceTime, until string
	grep, exclude, minLevel string
	caseSensitive           string
	streams                 []string
	output                  string
	timestamps, prefix      bool
	reverse, quiet          bool
	limitBytes              int64
	maxRequests             int
	ignoreErrors, skipTLS   bool
	podRunningTimeout       string
}

// The forms that nodectl logs prints in.
const (
	logText = "text"
	logJSON = "json"
	logRaw  = "raw"
)

func logFormats() []string { return []string{logText, logJSON, logRaw} }

// define adds the options to flags, in the order in which the help shows them.
func (f *logsFlags) define(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on with new lines, of later runs and new pods too")
	flags.BoolVarP(&f.previous, "previous", "p", false, "the run before the current one")
	flags.BoolVar(&f.allRestarts, "all-restarts", false, "every run that still has a file")
	flags.StringVar(&f.tail, "tail", "-1", "the last `N` lines of each container; -1 or all for all; 10 with a selector")
	flags.StringVar(&f.since, "since", "", "lines of this `TIME` or later: 10m, 1h, today, \"2026-11-23 18:00\"")
	flags.StringVar(&f.sinceTime, "since-time", "", "lines of this `TIME` (RFC 3339) or later")
	flags.StringVar(&f.until, "until", "", "lines of this `TIME` or earlier")
	flags.StringVarP(&f.namespace, "namespace", "n", "", "pods of this `NAMESPACE`; without it those of all")
	flags.BoolVarP(&f.allNamespaces, "all-namespaces", "A", false, "pods of all namespaces; prefixes name the namespace too")
	flags.StringVarP(&f.selector, "selector", "l", "", "pods with these labels (`LABELS`): app=web,tier!=cache")
	flags.StringVarP(&f.container, "container", "c", "", "the container `NAME`")
	flags.BoolVar(&f.allContainers, "all-containers", false, "all containers of each pod, init and ephemeral ones too")
	flags.BoolVar(&f.allPods, "all-pods", false, "all pods, prefixed; without a name every pod of the node")
	flags.StringVarP(&f.grep, "grep", "g", "", "lines that match `PATTERN` (RE2)")
	flags.StringVar(&f.exclude, "exclude", "", "no lines that match `PATTERN` (RE2)")
	flags.StringVar(&f.caseSensitive, "case-sensitive", "", "patterns mind case, or not (`BOOL`); without it a lower-case one does not")
	flags.Lookup("case-sensitive").NoOptDefVal = "true"
	flags.StringVar(&f.minLevel, "level", "", "lines of this `LEVEL` or more severe, by their klog, logfmt or JSON text: "+strings.Join(levelNames(), ", "))
	flags.StringSliceVar(&f.streams, "stream", nil, "lines of this `STREAM`: stdout or stderr")
	flags.StringVarP(&f.output, "output", "o", logText, "print in this `FORMAT`: "+joinWords(logFormats()))
	flags.BoolVarP(&f.timestamps, "timestamps", "t", false, "begin lines with their time")
	flags.BoolVar(&f.prefix, "prefix", false, "begin lines with [pod/NAME/CONTAINER]; on a terminal the default where there can be several containers")
	flags.BoolVar(&f.reverse, "reverse", false, "newest lines first")
	flags.Int64Var(&f.limitBytes, "limit-bytes", 0, "stop after `N` bytes of each container; 0: no limit")
	flags.IntVar(&f.maxRequests, "max-log-requests", 0, "refuse to follow more than `N` containers; 0: no limit")
	flags.BoolVar(&f.ignoreErrors, "ignore-errors", false, "go on after errors, which is the default: a log that cannot be read is told as a gap")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "no notes, hints and gaps")
	flags.StringVar(&f.root, "root", "", "read the copied log tree in `DIR`, laid out like /var/log/pods, with no daemon")
	flags.StringVar(&f.podRunningTimeout, "pod-running-timeout", "20s", "taken for the sake of kubectl's users; nothing is waited for")
	flags.BoolVar(&f.skipTLS, "insecure-skip-tls-verify-backend", false, "taken for the sake of kubectl's users; there is no such backend")
	for _, name := range []string{"pod-running-timeout", "insecure-skip-tls-verify-backend"} {
		flags.Lookup(name).Hidden = true
	}
}

// completeLogsFlags gives the options their fixed values for completion.
func completeLogsFlags(cmd *cobra.Command) {
	complete(cmd, "output", logFormats()...)
	complete(cmd, "level", levelNames()...)
	complete(cmd, "stream", "stdout", "stderr")
	complete(cmd, "case-sensitive", "true", "false")
	complete(cmd, "since", "10m", "1h", "today", "yesterday")
	complete(cmd, "until", "10m", "1h", "today", "yesterday")
	for _, name := range []string{"since-time", "tail", "grep", "exclude", "limit-bytes", "max-log-requests", "selector"} {
		complete(cmd, name)
	}
}
