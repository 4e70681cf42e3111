// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package main

// What the command trees do not know. The sections SEE ALSO are roff.
var (
	nodectlSections = []section{
		{"ENVIRONMENT", `
  NODECTL_ADDRESS   address of noded, such as unix:///run/noded/noded.sock
  SYSTEMD_PAGER, PAGER
                    pager; an empty value or "cat" means none
  NO_COLOR          no colours when it is set and not empty`},
		{"FILES", `
  /run/noded/noded.sock   socket of noded; for root and members of group noded
  /var/log/journal, /run/log/journal
                          journal files
  /var/log/pods           logs of containers`},
		{"SEE ALSO", `.BR noded (8),
.BR journalctl (1),
.BR systemd.time (7),
.BR systemd.journal\-fields (7)`},
	}
	nodedSections = []section{
		{"ACCESS", `
noded listens on a local socket and on nothing else. It knows who calls from the kernel: root may do everything,
members of group noded may read, everybody else is refused. Members of group noded can read every log of this node:

  usermod -aG noded NAME

Each call leaves one line in noded's own log.`},
		{"SIGNALS", `
SIGHUP reads the configuration again; a wrong one is reported and the old one stays. SIGTERM and SIGINT end noded:
streams are told, and clients go on by cursor when it is back. A second signal ends it at once.`},
		{"SANDBOX", `
noded.service runs without capabilities and without a network, may execute nothing but noded, and of /etc and /var/lib sees only
what it needs. /home, /root and /tmp are hidden. To serve journal files from such a place, name it in a drop-in:

  # systemctl edit noded.service
  [Service]
  BindReadOnlyPaths=/home/me/journal

A state.directory other than /var/lib/noded needs BindPaths= in the same way. noded may connect to the sockets of container runtimes;
without them pods are known by their log directories only:

  InaccessiblePaths=-/run/containerd -/run/crio -/run/docker.sock

Docker's logs are seen after a restart of noded if Docker was installed later. A group that is made while noded runs is known
after a restart.`},
		{"FILES", `
  /etc/noded/noded.yaml   configuration, see noded.yaml(5)
  /run/noded/noded.sock   socket, made by noded.socket
  /var/lib/noded          state`},
		{"SEE ALSO", `.BR nodectl (1),
.BR noded.yaml (5),
.BR systemd\-journald.service (8)`},
	}
)
