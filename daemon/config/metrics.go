// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
)

// maxPodLabels is how many labels of pods can be served: each makes every pod's series longer.
const maxPodLabels = 64

// maxUnitPatterns is how many patterns of units there can be: each is tried on every unit at each scrape.
const maxUnitPatterns = 64

// Metrics is about the endpoint for Prometheus.
type Metrics struct {
	// Listen is address:port; empty for no endpoint.
	Listen string
	// WebConfigFile is a web configuration file of Prometheus' exporters: TLS, client certificates, users. Empty for none.
	WebConfigFile string
	// PodLabels are the keys of the labels of pods that are served.
	PodLabels []string
	// Units are patterns of the names of units that are served; none: all but transient ones.
	Units []string
}

func metricsKeys() []Key {
	return []Key{{
		Name:  "metrics.listen",
		Doc:   "Address and port on which numbers are served to Prometheus and metrics-server over HTTP, such as 127.0.0.1:9842. Empty: noded listens on no network. The shipped unit forbids networks, see docs/metrics.md.",
		value: func(c *Config) value { return listenValue{&c.Metrics.Listen} },
	}, {
		Name:  "metrics.web_config_file",
		Doc:   "File with certificates and users for metrics.listen, in the form that exporters of Prometheus have. Without it only addresses of this machine can be listened on.",
		value: func(c *Config) value { return pathValue{&c.Metrics.WebConfigFile} },
	}, {
		Name: "metrics.pod_labels", List: true,
		Doc:   "Labels of pods that are served as kube_pod_labels. Empty: none, and no kube_pod_labels.",
		value: func(c *Config) value { return labelsValue{&c.Metrics.PodLabels} },
	}, {
		Name: "metrics.units", List: true,
		Doc:   "Patterns of the names of units that are served, such as ssh*.service. Empty: all but those that have a new name each time, such as session-7.scope and run-u12.service, of which there would be ever more series.",
		value: func(c *Config) value { return patternsValue{&c.Metrics.Units} },
	}}
}

// validate tells what does not go together.
func (m *Metrics) validate(bad func(key, format string, args ...any)) {
	if m.Listen == "" {
		if m.WebConfigFile != "" {
			bad("metrics.web_config_file", "there is no metrics.listen that it could be for")
		}
		return
	}
	// listenValue has read it before.
	if a, err := ParseListen(m.Listen); err == nil && !a.Addr().Unmap().IsLoopback() && m.WebConfigFile == "" {
		bad("metrics.listen", "%s is not an address of this machine alone; it needs metrics.web_config_file with a certificate", a)
	}
}

// ParseListen reads address:port. The address is one of IP, or localhost, so that nothing has to be looked up.
func ParseListen(text string) (netip.AddrPort, error) {
	port, local := strings.CutPrefix(text, "localhost:")
	if local {
		text = "127.0.0.1:" + port
	}
	if strings.HasPrefix(text, ":") {
		return netip.AddrPort{}, fmt.Errorf("%q: want an address before the port; 0.0.0.0 or [::] for all of the machine's", text)
	}
	a, err := netip.ParseAddrPort(text)
	if err != nil || a.Port() == 0 {
		return netip.AddrPort{}, fmt.Errorf("%q: want an IP address and a port such as 127.0.0.1:9842", text)
	}
	return a, nil
}

// listenValue is address:port, or empty.
type listenValue struct{ p *string }

func (v listenValue) String() string { return *v.p }
func (v listenValue) Set(s string) error {
	if s != "" {
		if _, err := ParseListen(s); err != nil {
			return err
		}
	}
	*v.p = s
	return nil
}

// labelsValue is any number of keys of labels with commas between them.
type labelsValue struct{ p *[]string }

func (v labelsValue) String() string { return strings.Join(*v.p, ",") }
func (v labelsValue) Set(s string) error {
	var keys []string
	for key := range strings.SplitSeq(s, ",") {
		if key = strings.TrimSpace(key); key == "" {
			continue
		}
		if err := checkLabelKey(key); err != nil {
			return err
		}
		same := slices.IndexFunc(keys, func(k string) bool { return LabelName(k) == LabelName(key) })
		if same >= 0 {
			return fmt.Errorf("%q and %q are the same to Prometheus: %s", keys[same], key, LabelName(key))
		}
		keys = append(keys, key)
	}
	if len(keys) > maxPodLabels {
		return fmt.Errorf("%d labels: want at most %d", len(keys), maxPodLabels)
	}
	*v.p = keys
	return nil
}

// patternsValue is any number of patterns of path.Match with commas between them.
type patternsValue struct{ p *[]string }

func (v patternsValue) String() string { return strings.Join(*v.p, ",") }
func (v patternsValue) Set(s string) error {
	var patterns []string
	for pattern := range strings.SplitSeq(s, ",") {
		if pattern = strings.TrimSpace(pattern); pattern == "" {
			continue
		}
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("%q: want the name of a unit or a pattern such as ssh*.service", pattern)
		}
		patterns = append(patterns, pattern)
	}
	if len(patterns) > maxUnitPatterns {
		return fmt.Errorf("%d patterns: want at most %d", len(patterns), maxUnitPatterns)
	}
	*v.p = patterns
	return nil
}

// checkLabelKey reports what is wrong with the key of a label of Kubernetes: NAME or PREFIX/NAME.
func checkLabelKey(key string) error {
	wrong := fmt.Errorf("%q: want the key of a label such as app.kubernetes.io/name", key)
	prefix, name, found := strings.Cut(key, "/")
	if !found {
		prefix, name = "", key
	}
	allowed := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.'
	}
	beside := func(r rune) bool { return !allowed(r) }
	switch {
	case name == "", len(name) > 63, len(prefix) > 253, found && prefix == "":
		return wrong
	case strings.IndexFunc(prefix, beside) >= 0, strings.IndexFunc(strings.ReplaceAll(name, "_", "-"), beside) >= 0:
		return wrong
	}
	return nil
}

// LabelName returns the name that Prometheus has for the key of a label, as kube-state-metrics makes it: appName is label_app_name.
func LabelName(key string) string {
	isLower := func(b byte) bool { return b >= 'a' && b <= 'z' || b >= '0' && b <= '9' }
	name := []byte("label_")
	for i := range len(key) {
		switch b := key[i]; {
		case b >= 'A' && b <= 'Z':
			if i > 0 && isLower(key[i-1]) {
				name = append(name, '_')
			}
			name = append(name, b-'A'+'a')
		case isLower(b):
			name = append(name, b)
		default:
			name = append(name, '_')
		}
	}
	return string(name)
}
