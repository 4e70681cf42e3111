// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"encoding/json"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// Annotations of sandboxes that are looked at.
const (
	// annotationSource is where the kubelet has the pod from: api, or file or http of a static pod.
	annotationSource = "kubernetes.io/config.source"
	// annotationDefault is what kubectl logs takes where no container is named, annotationDefaultOld its former name.
	annotationDefault    = "kubectl.kubernetes.io/default-container"
	annotationDefaultOld = "kubectl.kubernetes.io/default-logs-container"
)

const (
	maxReason  = 256
	maxMessage = 4096
	maxMounts  = 1000
)

// sandbox is what is kept of a sandbox.
type sandbox struct {
	id                   string
	namespace, name, uid string
	attempt              uint32
	state                inventory.State
	created              time.Time
	labels               map[string]string
	annotations          []string
	defaultContainer     string
	static               bool
	handler              string
	// The fields below are those of its status.
	asking       asking
	addresses    []string
	hostNetwork  bool
	cgroupParent string
}

// container is what is kept of a container.
type container struct {
	id, sandbox string
	name        string
	attempt     uint32
	state       inventory.ContainerState
	created     time.Time
	labels      map[string]string
	image       string
	imageID     string
	// The fields below are those of its status.
	asking            asking
	started, finished time.Time
	exitCode          int32
	reason, message   string
	resources         inventory.Resources
	mounts            []inventory.Mount
	pid               int32
	logPath           string
}

// asking is how it stands with the question for a status.
type asking struct {
	// asked: what is kept is the status in this state.
	asked bool
	// notBefore is when to ask again after it could not be had, again when to ask again after it could.
	notBefore, again time.Time
	// problem is why not all of it could be had the last time; empty if it could. silent: there was no answer in time.
	problem string
	silent  bool
}

// newSandbox converts an entry of a list; false if it lacks what it must have.
func newSandbox(p *runtimeapi.PodSandbox) (*sandbox, bool) {
	m := p.GetMetadata()
	if p.GetId() == "" || m.GetName() == "" || m.GetNamespace() == "" {
		return nil, false
	}
	s := &sandbox{
		id: p.Id, namespace: m.Namespace, name: m.Name, uid: m.Uid, attempt: m.Attempt,
		state: inventory.StateNotReady, created: unixNano(p.CreatedAt), labels: p.Labels, handler: p.RuntimeHandler,
		defaultContainer: p.Annotations[annotationDefault],
	}
	if s.defaultContainer == "" {
		s.defaultContainer = p.Annotations[annotationDefaultOld]
	}
	if p.State == runtimeapi.PodSandboxState_SANDBOX_READY {
		s.state = inventory.StateReady
	}
	switch p.Annotations[annotationSource] {
	case "file", "http":
		s.static = true
	}
	for name := range p.Annotations {
		s.annotations = append(s.annotations, name)
	}
	slices.Sort(s.annotations)
	return s, true
}

// setStatus adds the status of a sandbox.
func (s *sandbox) setStatus(r *runtimeapi.PodSandboxStatusResponse) {
	st := r.GetStatus()
	s.addresses = nil
	s.hostNetwork = st.GetLinux().GetNamespaces().GetOptions().GetNetwork() == runtimeapi.NamespaceMode_NODE &&
		st.GetLinux().GetNamespaces().GetOptions() != nil
	if !s.hostNetwork {
		if ip := st.GetNetwork().GetIp(); ip != "" {
			s.addresses = append(s.addresses, ip)
		}
		for _, ip := range st.GetNetwork().GetAdditionalIps() {
			s.addresses = append(s.addresses, ip.GetIp())
		}
	}
	var info struct {
		Config struct {
			Linux struct {
				CgroupParent string `json:"cgroup_parent"`
			} `json:"linux"`
		} `json:"config"`
		RuntimeSpec struct {
			Annotations struct {
				CgroupParent string `json:"io.kubernetes.cri-o.CgroupParent"`
			} `json:"annotations"`
		} `json:"runtimeSpec"`
	}
	// Without it there is no more than no cgroup.
	if text := r.GetInfo()["info"]; text != "" && json.Unmarshal([]byte(text), &info) == nil {
		s.cgroupParent = info.Config.Linux.CgroupParent
		if s.cgroupParent == "" {
			s.cgroupParent = info.RuntimeSpec.Annotations.CgroupParent
		}
	}
}

// newContainer converts an entry of a list; false if it lacks what it must have.
func newContainer(p *runtimeapi.Container) (*container, bool) {
	if p.GetId() == "" || p.GetPodSandboxId() == "" || p.GetMetadata().GetName() == "" {
		return nil, false
	}
	c := &container{
		id: p.Id, sandbox: p.PodSandboxId, name: p.Metadata.Name, attempt: p.Metadata.Attempt, state: stateOf(p.State),
		created: unixNano(p.CreatedAt), labels: p.Labels, image: imageName(p.Image), imageID: p.ImageRef,
	}
	return c, true
}

func stateOf(s runtimeapi.ContainerState) inventory.ContainerState {
	switch s {
	case runtimeapi.ContainerState_CONTAINER_CREATED:
		return inventory.ContainerCreated
	case runtimeapi.ContainerState_CONTAINER_RUNNING:
		return inventory.ContainerRunning
	case runtimeapi.ContainerState_CONTAINER_EXITED:
		return inventory.ContainerExited
	}
	return inventory.ContainerUnknown
}

// imageName prefers what the pod asked for, which newer kubelets add.
func imageName(i *runtimeapi.ImageSpec) string {
	if name := i.GetUserSpecifiedImage(); name != "" {
		return name
	}
	return i.GetImage()
}

// setStatus adds the status of a container.
func (c *container) setStatus(r *runtimeapi.ContainerStatusResponse) {
	st := r.GetStatus()
	c.state, c.logPath = stateOf(st.GetState()), st.GetLogPath()
	c.started, c.finished, c.exitCode = unixNano(st.GetStartedAt()), unixNano(st.GetFinishedAt()), st.GetExitCode()
	c.reason, c.message = clip(st.GetReason(), maxReason), clip(st.GetMessage(), maxMessage)
	// The status has the name of the image, lists of some runtimes only its id.
	if name := imageName(st.GetImage()); name != "" {
		c.image = name
	}
	if st.GetImageRef() != "" {
		c.imageID = st.GetImageRef()
	}
	c.mounts = nil
	for _, m := range st.GetMounts()[:min(len(st.GetMounts()), maxMounts)] {
		c.mounts = append(c.mounts, inventory.Mount{ContainerPath: m.GetContainerPath(), HostPath: m.GetHostPath(), ReadOnly: m.GetReadonly()})
	}
	// Without it what is known of it stays.
	if text := r.GetInfo()["info"]; text != "" {
		info := parseInfo(text)
		c.resources, c.pid = info.resources(), info.PID
	}
	if linux := st.GetResources().GetLinux(); linux != nil {
		c.resources = resourcesOf(linux.CpuQuota, uint64(max(linux.CpuPeriod, 0)), uint64(max(linux.CpuShares, 0)),
			linux.MemoryLimitInBytes, linux.OomScoreAdj, linux.Unified)
	}
	if c.state != inventory.ContainerRunning {
		c.pid = 0
	}
}

// containerInfo is what is wanted of the verbose status of a container: of a specification of the OCI without its process'
// environment and arguments.
type containerInfo struct {
	PID         int32 `json:"pid"`
	RuntimeSpec struct {
		Process struct {
			OOMScoreAdj int64 `json:"oomScoreAdj"`
		} `json:"process"`
		Linux struct {
			Resources struct {
				CPU struct {
					Shares uint64 `json:"shares"`
					Quota  int64  `json:"quota"`
					Period uint64 `json:"period"`
				} `json:"cpu"`
				Memory struct {
					Limit int64 `json:"limit"`
				} `json:"memory"`
				Unified map[string]string `json:"unified"`
			} `json:"resources"`
		} `json:"linux"`
	} `json:"runtimeSpec"`
}

// parseInfo decodes the verbose status. One that cannot be decoded says nothing.
func parseInfo(text string) containerInfo {
	var info containerInfo
	if json.Unmarshal([]byte(text), &info) != nil || info.PID < 0 {
		return containerInfo{}
	}
	return info
}

func (i *containerInfo) resources() inventory.Resources {
	r := &i.RuntimeSpec.Linux.Resources
	return resourcesOf(r.CPU.Quota, r.CPU.Period, r.CPU.Shares, r.Memory.Limit, i.RuntimeSpec.Process.OOMScoreAdj, r.Unified)
}

// minShares is what the kubelet sets for a container that asks for no CPU time: the least that a cgroup can have.
const minShares = 2

// resourcesOf converts the settings of a cgroup.
func resourcesOf(quota int64, period, shares uint64, memory, oomScoreAdj int64, unified map[string]string) inventory.Resources {
	const most = 1 << 40 // beyond any machine; keeps the products in range
	r := inventory.Resources{MemoryLimit: max(memory, 0), OOMScoreAdj: oomScoreAdj}
	if quota > 0 && quota < most && period > 0 && period < most {
		r.CPULimit = (quota*1000 + int64(period) - 1) / int64(period)
	}
	if shares > minShares && shares < most {
		r.CPURequest = int64((shares*1000 + 1023) / 1024)
	}
	if n, err := strconv.ParseInt(unified["memory.min"], 10, 64); err == nil && n > 0 {
		r.MemoryRequest = n
	}
	return r
}

// logOf says where the log of a container is; nil if it is not where the kubelet puts it. logPath is only compared.
func logOf(runtime string, s *sandbox, c *container) *inventory.Log {
	dir, ok := inventory.LogDir(s.namespace, s.name, s.uid, c.name)
	if !ok {
		return nil
	}
	// Until the status has been asked for, the path is not known.
	if c.asking.asked && !strings.HasSuffix(path.Dir(path.Clean("/"+c.logPath)), "/"+dir) {
		return nil
	}
	if runtime == nameDocker {
		if strings.Trim(c.id, "0123456789abcdef") != "" {
			return nil
		}
		// cri-dockerd links from there to the file that dockerd writes.
		return &inventory.Log{Layout: podlog.LayoutDocker, Dir: c.id}
	}
	return &inventory.Log{Layout: podlog.LayoutCRI, Dir: dir}
}

func unixNano(n int64) time.Time {
	if n <= 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}
