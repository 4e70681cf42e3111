// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package metrics serves what is used on a node to Prometheus and to metrics-server, under the names that the kubelet and cAdvisor have.
//
//	server, err := metrics.New(metrics.Config{Listen: "127.0.0.1:9842", Source: sampler, Version: version, Logger: logger})
//	if err != nil {
//		return err
//	}
//	listener, err := server.Listen(ctx)
//	if err != nil {
//		return err
//	}
//	return server.Serve(ctx, listener)
//
// The paths are those of the kubelet: /metrics/resource is what metrics-server scrapes, /metrics/cadvisor what dashboards of containers are
// made of, with systemd's units beside them, and /metrics is about noded itself and about units. Series are written straight from a
// snapshot that is already there: a scrape reads no cgroup and makes no object for each series.
//
// # Security
//
// Names of pods, images, cgroups and units are attacker input: they are cut, escaped and made valid UTF-8, so that none can add a
// line, and of two series with the same labels only one is written, so that none can make a scrape fail. Labels of pods are served only if
// they are named. Without TLS nothing but addresses of this machine is listened on. Connections, also of each address, headers, scrapes at a time, the time
// that each can take and what waits for those who do not read are bounded. The web configuration file and the certificates that it names are
// read again for each connection; with one that cannot be used nobody is served. Who is denied is counted and told in the log, at a limited rate.
package metrics
