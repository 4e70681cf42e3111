// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/cadvisor/lib/utils/sysfs"
	"github.com/google/cadvisor/lib/utils/sysinfo"

	"github.com/noded/noded/runtime/stats"
)

// Machine reads what the machine has. It looks at some files of each processor, which takes a few milliseconds on a large machine, and
// what it tells seldom changes. CgroupVersion is left to the caller.
func (r *Reader) Machine() (stats.Machine, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var m stats.Machine
	data, err := r.read(r.proc, "stat")
	if err != nil {
		return m, fmt.Errorf("read what the machine has: %w", err)
	}
	s, err := parseStat(data)
	if err != nil {
		return m, fmt.Errorf("read what the machine has: parse %s/stat: %w", r.proc, err)
	}
	m.CPUs, m.BootTime = s.cpus, s.boot
	data, err = r.read(r.proc, "meminfo")
	if err != nil {
		return m, fmt.Errorf("read what the machine has: %w", err)
	}
	info, err := parseMeminfo(data)
	if err != nil {
		return m, fmt.Errorf("read what the machine has: parse %s/meminfo: %w", r.proc, err)
	}
	m.MemoryBytes, m.SwapBytes = info.total.v, info.swapTotal.v
	if data, err = r.read(r.proc, "cpuinfo"); err == nil {
		m.CPUModel = cpuModel(data)
	}
	if _, err = r.read(r.proc, "pressure", "cpu"); err == nil {
		m.Pressure = true
	}
	if err := r.topology(&m); err != nil {
		r.logger.Debug("cores and sockets are not known", "err", err)
	}
	return m, nil
}

// cpuModel returns the name of the first processor in /proc/cpuinfo: "model name" on x86 and many others, "cpu model" on MIPS, "cpu" on
// POWER. ARM has none.
func cpuModel(data []byte) string {
	const most = 256
	for len(data) > 0 {
		var line []byte
		line, data = nextLine(data)
		name, value, ok := bytes.Cut(line, []byte{':'})
		if !ok {
			continue
		}
		switch string(bytes.TrimSpace(name)) {
		case "model name", "cpu model", "cpu":
			value = bytes.TrimSpace(value)
			return strings.ToValidUTF8(string(value[:min(len(value), most)]), "\uFFFD")
		}
	}
	return ""
}

// topology adds what cAdvisor tells of cores, sockets and NUMA nodes.
func (r *Reader) topology(m *stats.Machine) error {
	nodes, cpus, err := sysinfo.GetNodesInfo(&sysFS{SysFs: sysfs.NewRealSysFs(), root: r.sys})
	if err != nil {
		return err
	}
	if cpus == 0 {
		return errNoTopology
	}
	sockets := map[int]bool{}
	for _, node := range nodes {
		m.Cores += len(node.Cores)
		for _, core := range node.Cores {
			sockets[core.SocketID] = true
		}
	}
	m.Sockets = len(sockets)
	paths, err := filepath.Glob(filepath.Join(r.sys, nodesPattern))
	if err == nil {
		m.NUMANodes = len(paths)
	}
	return nil
}

const (
	nodesPattern = "devices/system/node/node*[0-9]"
	cpusPattern  = "cpu*[0-9]"
	systemCPUs   = "/sys/devices/system/cpu"
)

// errNoTopology is not an fs.ErrNotExist, which cAdvisor would log for each processor.
var errNoTopology = errors.New("the kernel does not tell the cores of processors")

// sysFS is what cAdvisor looks at to count cores: sysfs at some other place if need be, and no caches, memory and huge pages, which
// nobody wants to know.
type sysFS struct {
	sysfs.SysFs
	root   string
	online map[string]bool
}

// GetNodesPaths implements sysfs.SysFs.
func (s *sysFS) GetNodesPaths() ([]string, error) {
	return filepath.Glob(filepath.Join(s.root, nodesPattern))
}

// GetCPUsPaths implements sysfs.SysFs. dir is that of a node or systemCPUs.
func (s *sysFS) GetCPUsPaths(dir string) ([]string, error) {
	if dir == systemCPUs {
		dir = filepath.Join(s.root, "devices/system/cpu")
	}
	return filepath.Glob(filepath.Join(dir, cpusPattern))
}

// GetCoreID implements sysfs.SysFs.
func (s *sysFS) GetCoreID(cpu string) (string, error) { return topologyFile(cpu, sysfs.CPUCoreID) }

// GetCPUPhysicalPackageID implements sysfs.SysFs.
func (s *sysFS) GetCPUPhysicalPackageID(cpu string) (string, error) {
	return topologyFile(cpu, sysfs.CPUPhysicalPackageID)
}

func topologyFile(cpu, name string) (string, error) {
	data, err := os.ReadFile(filepath.Join(cpu, "topology", name))
	if err != nil {
		return "", errNoTopology
	}
	return strings.TrimSpace(string(data)), nil
}

// IsCPUOnline implements sysfs.SysFs. Without a list all are.
func (s *sysFS) IsCPUOnline(cpu string) bool {
	if s.online == nil {
		s.online = map[string]bool{}
		data, err := os.ReadFile(filepath.Join(s.root, "devices/system/cpu/online"))
		if err == nil {
			s.online = parseList(strings.TrimSpace(string(data)))
		}
	}
	return len(s.online) == 0 || s.online[filepath.Base(cpu)]
}

// maxCPUs is more than CONFIG_NR_CPUS can be.
const maxCPUs = 1 << 16

// parseList reads a list such as 0-3,8 and returns the names of the processors: cpu0.
func parseList(text string) map[string]bool {
	cpus := map[string]bool{}
	for item := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(item, "-")
		from, err := strconv.ParseUint(first, 10, 32)
		if err != nil {
			continue
		}
		to := from
		if isRange {
			if to, err = strconv.ParseUint(last, 10, 32); err != nil {
				continue
			}
		}
		for n := from; n <= min(to, maxCPUs) && len(cpus) < maxCPUs; n++ {
			cpus["cpu"+strconv.FormatUint(n, 10)] = true
		}
	}
	return cpus
}

// GetMemInfo, GetDistances, GetHugePagesInfo and GetCaches implement sysfs.SysFs with answers that are right in form.
func (s *sysFS) GetMemInfo(string) (string, error) { return "MemTotal: 0 kB", nil }

// GetDistances implements sysfs.SysFs.
func (s *sysFS) GetDistances(string) (string, error) { return "0", nil }

// GetHugePagesInfo implements sysfs.SysFs.
func (s *sysFS) GetHugePagesInfo(string) ([]os.FileInfo, error) { return nil, nil }

// GetCaches implements sysfs.SysFs.
func (s *sysFS) GetCaches(int) ([]os.FileInfo, error) { return nil, nil }
