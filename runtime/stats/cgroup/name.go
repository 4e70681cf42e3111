// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"path"
	"strings"

	"github.com/noded/noded/journal/unitname"
)

// Kind says what a cgroup is of.
type Kind uint8

// The kinds.
const (
	// KindNone is of nothing that has a name of its own: the root, /kubepods, or what is made in a container.
	KindNone Kind = iota
	KindPod
	KindContainer
	// KindUnit is a service, scope, slice, socket, mount or swap of systemd that is neither a pod nor a container.
	KindUnit
)

// Name is what the path of a cgroup says.
type Name struct {
	Kind Kind
	// PodUID is of a pod, or of a container right below one. That of a static pod is 32 digits without dashes.
	PodUID string
	// ContainerID is of a container: 64 hexadecimal digits.
	ContainerID string
	// Unit is the name of a unit, escaped as systemd has it: ssh.service.
	Unit string
	// Nested: it is below a service, a scope or a container, and so somebody other than the kubelet, a runtime of the node and its systemd may have
	// made it: a container in a container, of a user, or a unit of the systemd of a user. A nested cgroup is never a pod.
	Nested bool
}

const (
	containerIDLength = 64
	staticUIDLength   = 32
	maxPath           = 4096
)

// Classify tells what the cgroup of a path below the root of the hierarchies is of, in the layouts of the kubelet, containerd, CRI-O,
// Docker and Podman with both cgroup drivers. A container is one by the last name of its path, wherever it is: who asks for it may give it
// any parent. A pod must be where the kubelet puts it.
func Classify(p string) Name {
	if len(p) < 2 || len(p) > maxPath || p[0] != '/' || path.Clean(p) != p {
		return Name{}
	}
	parts := strings.Split(p[1:], "/")
	last := len(parts) - 1
	in := surroundings(parts[:last])
	if id, ok := containerID(parts[last]); ok {
		n := Name{Kind: KindContainer, ContainerID: id, Nested: in != inNode}
		if in == inNode && last > 0 {
			n.PodUID, _ = podUID(parts[:last])
		}
		return n
	}
	switch in {
	case inNode:
		if uid, ok := podUID(parts); ok {
			return Name{Kind: KindPod, PodUID: uid}
		}
	case inOther:
		return Name{Nested: true}
	}
	if unit, ok := unit(parts[last]); ok {
		return Name{Kind: KindUnit, Unit: unit, Nested: in != inNode}
	}
	return Name{Nested: in != inNode}
}

// surrounding is what a cgroup is below of.
type surrounding uint8

const (
	// inNode: nothing but slices and what is no unit.
	inNode surrounding = iota
	// inUser: the systemd of a user, whose units have names of units too.
	inUser
	// inOther: a service, a scope or a container, which may name what is below as it likes.
	inOther
)

func surroundings(parents []string) surrounding {
	in := inNode
	for _, name := range parents {
		if !delegated(name) {
			continue
		}
		if in == inUser || !isUserManager(name) {
			return inOther
		}
		in = inUser
	}
	return in
}

// delegated reports whether the last name of a path is of what may make cgroups below its own: a service, scope or container.
func delegated(name string) bool {
	if _, ok := containerID(name); ok {
		return true
	}
	unit, _ := unit(name)
	return strings.HasSuffix(unit, ".service") || strings.HasSuffix(unit, ".scope")
}

// isUserManager reports whether a unit is user@UID.service.
func isUserManager(unit string) bool {
	uid, ok := strings.CutPrefix(unit, "user@")
	uid, service := strings.CutSuffix(uid, ".service")
	return ok && service && uid != "" && strings.Trim(uid, "0123456789") == ""
}

// containerID returns the id of a container by the last name of its path:
//
//	ID                                   cgroupfs driver: containerd, Docker
//	cri-containerd-ID.scope              systemd driver; also crio-, docker-, libpod-
//	crio-ID, libpod-ID                   cgroupfs driver: CRI-O, Podman
//	SLICE:cri-containerd:ID              what runc makes of a path for systemd when it uses cgroupfs
//
// The monitors of CRI-O and Podman (crio-conmon-ID.scope) are not containers.
func containerID(name string) (string, bool) {
	if len(name) < containerIDLength {
		return "", false
	}
	rest, scope := strings.CutSuffix(name, ".scope")
	if len(rest) < containerIDLength {
		return "", false
	}
	before, id := rest[:len(rest)-containerIDLength], rest[len(rest)-containerIDLength:]
	if !isHex(id) || !isContainer(before, scope) {
		return "", false
	}
	return id, true
}

// isContainer reports whether the name of a container has this before its id, and is that of a scope or not.
func isContainer(before string, scope bool) bool {
	switch before {
	case "":
		return !scope
	case "crio-", "libpod-":
		return true
	case "cri-containerd-", "docker-":
		return scope
	}
	slice, runtime, _ := strings.Cut(before, ":")
	if scope || !strings.HasSuffix(slice, ".slice") {
		return false
	}
	return runtime == "cri-containerd:" || runtime == "crio:" || runtime == "docker:" || runtime == "libpod:"
}

// podUID returns the UID of the pod whose cgroup has these names, as the kubelet makes them. Above kubepods there may be
// anything: --cgroup-root.
//
//	kubepods/podUID, kubepods/burstable/podUID, kubepods/besteffort/podUID
//	kubepods.slice/kubepods-podUID.slice, kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID.slice
//	a.slice/a-kubepods.slice/a-kubepods-podUID.slice
func podUID(parts []string) (string, bool) {
	last := len(parts) - 1
	if last < 1 {
		return "", false
	}
	name, slice := strings.CutSuffix(parts[last], ".slice")
	if !slice {
		uid, ok := strings.CutPrefix(name, "pod")
		if !ok || !isUID(uid, '-') || !isKubepods(parts[:last]) {
			return "", false
		}
		return uid, true
	}
	i := strings.LastIndex(name, "-pod")
	if i < 0 {
		return "", false
	}
	prefix, uid := name[:i], name[i+len("-pod"):]
	if !isUID(uid, '_') || !isKubepodsSlice(parts[:last], prefix) {
		return "", false
	}
	return strings.ReplaceAll(uid, "_", "-"), true
}

// isKubepods reports whether these are the names above a pod.
func isKubepods(parts []string) bool {
	last := len(parts) - 1
	if parts[last] == "burstable" || parts[last] == "besteffort" {
		last--
	}
	return last >= 0 && parts[last] == "kubepods"
}

// isKubepodsSlice reports whether these are the names above a pod whose own begins with prefix. The name of a slice begins
// with that of the one it is in.
func isKubepodsSlice(parts []string, prefix string) bool {
	last := len(parts) - 1
	if parts[last] != prefix+".slice" {
		return false
	}
	for _, class := range []string{"-burstable", "-besteffort"} {
		if outer, ok := strings.CutSuffix(prefix, class); ok {
			prefix = outer
			last--
			break
		}
	}
	if last < 0 || parts[last] != prefix+".slice" {
		return false
	}
	if prefix == "kubepods" {
		return true
	}
	outer, ok := strings.CutSuffix(prefix, "-kubepods")
	return ok && outer != "" && last > 0 && parts[last-1] == outer+".slice"
}

// isUID reports whether s is the UID of a pod: 8-4-4-4-12 hexadecimal digits, or that of a static pod, 32 of them.
func isUID(s string, dash byte) bool {
	if len(s) == staticUIDLength {
		return isHex(s)
	}
	const uuidLength = 36
	if len(s) != uuidLength {
		return false
	}
	for i := range len(s) {
		switch i {
		case 8, 13, 18, 23:
			if s[i] != dash {
				return false
			}
		default:
			if !isHex(s[i : i+1]) {
				return false
			}
		}
	}
	return true
}

// isHex reports whether s is made of lower-case hexadecimal digits.
func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// unit returns the unit that a cgroup is named by. systemd puts a _ before a name that the kernel could take for one of its files.
func unit(name string) (string, bool) {
	name = strings.TrimPrefix(name, "_")
	if i := strings.LastIndexByte(name, '.'); i >= 0 && unitname.Valid(name) {
		switch name[i+1:] {
		case "service", "scope", "slice", "socket", "mount", "swap":
			return name, true
		}
	}
	return "", false
}
