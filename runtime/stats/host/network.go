// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/noded/noded/runtime/stats/kernel"
	"github.com/noded/noded/runtime/stats/metric"
)

// networkIDs are the numbers of an interface in the order of a row.
var networkIDs = [maxCounters]metric.ID{ // read-only
	metric.NetworkReceiveBytes, metric.NetworkReceivePackets, metric.NetworkReceiveErrors, metric.NetworkReceiveDropped,
	metric.NetworkTransmitBytes, metric.NetworkTransmitPackets, metric.NetworkTransmitErrors, metric.NetworkTransmitDropped,
}

// loopback is the interface that is never counted.
const loopback = "lo"

// eachInterface calls each for every interface in /proc/net/dev:
//
//	Inter-|   Receive                                                |  Transmit
//	 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
//	  eth0: 7604571    9210    0    3    0     0          0         0   503214    4211    0    0    0     0       0          0
//
// The bytes that it gets are valid during the call. A name can hold a colon, as of an alias, numbers cannot.
func eachInterface(data []byte, each func(name []byte, counters row)) {
	for len(data) > 0 {
		var line []byte
		line, data = nextLine(data)
		colon := bytes.LastIndexByte(line, ':')
		if colon < 0 {
			continue
		}
		name, rest := bytes.TrimLeft(line[:colon], " "), line[colon+1:]
		var counters row
		ok := true
		for i := 0; i < 12 && ok; i++ {
			var field []byte
			var v uint64
			field, rest = nextField(rest)
			v, ok = kernel.ParseUint(field)
			switch {
			case i < 4:
				counters[i] = v
			case i >= 8:
				counters[i-4] = v
			}
		}
		if ok && len(name) > 0 {
			each(name, counters)
		}
	}
}

// Network sets the numbers of the network namespace that a process is in: of the interfaces that have a default route, or, where none has, of all but
// lo. In a container that has containers of its own their interfaces see the same packets again. A process that is gone is an fs.ErrNotExist. Of a
// process in the node's own namespace they are the node's; see HostNetwork.
func (r *Reader) Network(pid int, to *metric.Set) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	total, err := r.processNetwork(strconv.Itoa(pid))
	if err != nil {
		return fmt.Errorf("read the network of process %d: %w", pid, gone(err))
	}
	putNetwork(total, to)
	return nil
}

// processNetwork adds up the network of a directory below /proc. Most have one interface, so that routes need not be looked at. mu is held.
func (r *Reader) processNetwork(process string) (row, error) {
	total, used, err := r.addInterfaces(process, func(name []byte) bool { return string(name) != loopback })
	if err != nil || used < 2 {
		return total, err
	}
	found := map[string]bool{}
	r.defaultInterfaces(filepath.Join(process, "net"), found)
	if len(found) == 0 {
		return total, nil
	}
	routed, used, err := r.addInterfaces(process, func(name []byte) bool { return found[string(name)] })
	if err != nil || used > 0 {
		return routed, err
	}
	return total, nil
}

// addInterfaces adds up those interfaces of a process that are wanted, and returns how many of them something went through. mu is held.
func (r *Reader) addInterfaces(process string, wanted func(name []byte) bool) (total row, used int, err error) {
	data, err := r.read(r.proc, process, "net", "dev")
	if err != nil {
		return total, 0, err
	}
	eachInterface(data, func(name []byte, counters row) {
		if counters == (row{}) || !wanted(name) {
			return
		}
		used++
		for i, v := range counters {
			total[i] = addUp(total[i], v)
		}
	})
	return total, used, nil
}

// addUp adds, and stays at the greatest number there is.
func addUp(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	return sum | -carry
}

func putNetwork(total row, to *metric.Set) {
	for i, id := range networkIDs {
		to.Put(id, total[i])
	}
}

// HostNetwork reports whether a process has the network of PID 1, which is that of the node. A process that is gone is an fs.ErrNotExist.
//
// Links below /proc/PID/ns can be read by those only who may trace the process. So the inode numbers of net/dev are compared: each namespace has
// its own tree of files there, and each file of these trees has a number of its own (proc_alloc_inum in fs/proc/generic.c).
func (r *Reader) HostNetwork(pid int) (bool, error) {
	host, err := inode(filepath.Join(r.proc, "1", "net", "dev"))
	if err != nil {
		return false, fmt.Errorf("look at the network of the node: %w", err)
	}
	of, err := inode(filepath.Join(r.proc, strconv.Itoa(pid), "net", "dev"))
	if err != nil {
		return false, fmt.Errorf("look at the network of process %d: %w", pid, gone(err))
	}
	return host == of, nil
}

// nodeNetwork sets the numbers of the node's network. mu is held.
func (r *Reader) nodeNetwork(to *metric.Set) error {
	if len(r.interfaces) == 0 {
		return nil
	}
	data, err := r.read(r.proc, r.netDir(), "dev")
	if err != nil {
		return err
	}
	now := make(map[string]row, len(r.interfaces))
	eachInterface(data, func(name []byte, counters row) {
		if r.interfaces[string(name)] {
			now[string(name)] = counters
		}
	})
	if len(now) < len(r.interfaces) {
		r.lookedUp = r.lookedUp.Add(-lookUpAgain) // one has gone
	}
	putNetwork(r.network.add(now), to)
	return nil
}

// netDir is the directory of the node's network below /proc: of PID 1, or of this process where PID 1 is not to be seen.
func (r *Reader) netDir() string {
	dir := filepath.Join("1", "net")
	if _, err := os.Stat(filepath.Join(r.proc, dir, "dev")); err != nil {
		return filepath.Join("self", "net")
	}
	return dir
}

// findInterfaces returns the interfaces that the node's network is summed up of; see the package comment. mu is held.
func (r *Reader) findInterfaces() map[string]bool {
	found := map[string]bool{}
	r.defaultInterfaces(r.netDir(), found)
	if len(found) > 0 {
		return found
	}
	names, err := filepath.Glob(filepath.Join(r.sys, "class", "net", "*", "device"))
	if err != nil {
		return nil
	}
	for _, name := range names {
		found[filepath.Base(filepath.Dir(name))] = true
	}
	return found
}

// defaultInterfaces adds the interfaces that have a default route, by a directory of a network below /proc. mu is held.
func (r *Reader) defaultInterfaces(dir string, to map[string]bool) {
	// There may be no IPv6, or no IPv4.
	if data, err := r.read(r.proc, dir, "route"); err == nil {
		defaultRoutes(data, to)
	}
	if data, err := r.read(r.proc, dir, "ipv6_route"); err == nil {
		defaultRoutes6(data, to)
	}
}

const (
	// flagUp and flagReject are RTF_UP and RTF_REJECT of include/uapi/linux/route.h.
	flagUp     = 0x1
	flagReject = 0x200
)

// usable reports whether a route is in use and leads somewhere.
func usable(hexFlags string) bool {
	flags, err := strconv.ParseUint(hexFlags, 16, 32)
	return err == nil && flags&flagUp != 0 && flags&flagReject == 0
}

// defaultRoutes adds the interfaces of IPv4 default routes: Iface Destination Gateway Flags RefCnt Use Metric Mask MTU ...
func defaultRoutes(data []byte, to map[string]bool) {
	for len(data) > 0 {
		var line []byte
		line, data = nextLine(data)
		f := strings.Fields(string(line))
		if len(f) >= 8 && f[1] == "00000000" && f[7] == "00000000" && usable(f[3]) && f[0] != loopback {
			to[f[0]] = true
		}
	}
}

// defaultRoutes6 adds those of IPv6: destination, its prefix length, source, its prefix length, next hop, metric, references, use,
// flags, interface.
func defaultRoutes6(data []byte, to map[string]bool) {
	for len(data) > 0 {
		var line []byte
		line, data = nextLine(data)
		f := strings.Fields(string(line))
		if len(f) == 10 && strings.Trim(f[0], "0") == "" && f[1] == "00" && usable(f[8]) && f[9] != loopback {
			to[f[9]] = true
		}
	}
}
