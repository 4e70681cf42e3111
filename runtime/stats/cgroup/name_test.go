// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"strings"
	"testing"
)

const (
	uid       = "0f3c1a52-7d64-4b8e-9a1f-2c5d6e7f8091"
	uidSlice  = "0f3c1a52_7d64_4b8e_9a1f_2c5d6e7f8091"
	staticUID = "8c2e5f0a9b1d4c3e7f6a5b4c3d2e1f00"
	id        = "a172cedcae47474b615c54d510a5d84a8dea3032e958587430b413538be3f333"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	pod := func(uid string) Name { return Name{Kind: KindPod, PodUID: uid} }
	container := func(uid string) Name { return Name{Kind: KindContainer, PodUID: uid, ContainerID: id} }
	unit := func(name string) Name { return Name{Kind: KindUnit, Unit: name} }
	nested := Name{Nested: true}
	burstable := "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + uidSlice + ".slice"
	for path, want := range map[string]Name{
		// the kubelet, both drivers, all classes
		"/kubepods/pod" + uid:                                pod(uid),
		"/kubepods/burstable/pod" + uid:                      pod(uid),
		"/kubepods/besteffort/pod" + staticUID:               pod(staticUID),
		burstable:                                            pod(uid),
		"/kubepods.slice/kubepods-pod" + uidSlice + ".slice": pod(uid),
		"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + staticUID + ".slice": pod(staticUID),
		"/node/kubepods/burstable/pod" + uid:                                                                                  pod(uid),
		"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" + uidSlice + ".slice":                                    pod(uid),
		"/a.slice/a-b.slice/a-b-kubepods.slice/a-b-kubepods-burstable.slice/a-b-kubepods-burstable-pod" + uidSlice + ".slice": pod(uid),
		// containers
		"/kubepods/burstable/pod" + uid + "/" + id:     container(uid),
		"/kubepods/pod" + staticUID + "/" + id:         container(staticUID),
		burstable + "/cri-containerd-" + id + ".scope": container(uid),
		burstable + "/crio-" + id + ".scope":           container(uid),
		burstable + "/docker-" + id + ".scope":         container(uid),
		"/kubepods/pod" + uid + "/crio-" + id:          container(uid),
		"/docker/" + id:                                container(""),
		"/system.slice/docker-" + id + ".scope":        container(""),
		"/machine.slice/libpod-" + id + ".scope":       container(""),
		"/libpod_parent/libpod-" + id:                  container(""),
		"/any/parent/" + id:                            container(""),
		"/" + id:                                       container(""),
		"/any.slice/cri-containerd-" + id + ".scope":   container(""),
		"/system.slice/containerd.service/kubepods-pod" + uidSlice + ".slice:cri-containerd:" + id: {
			Kind: KindContainer, ContainerID: id, Nested: true},
		"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id + ".scope": {
			Kind: KindContainer, ContainerID: id, Nested: true},
		"/docker/" + id + "/docker/" + id:                          {Kind: KindContainer, ContainerID: id, Nested: true},
		"/docker/" + id + "/kubelet/kubepods/pod" + uid + "/" + id: {Kind: KindContainer, ContainerID: id, Nested: true},
		// not containers
		burstable + "/crio-conmon-" + id + ".scope":     unit("crio-conmon-" + id + ".scope"),
		"/machine.slice/libpod-conmon-" + id + ".scope": unit("libpod-conmon-" + id + ".scope"),
		"/kubepods/pod" + uid + "/crio-conmon-" + id:    {},
		"/docker/" + id[1:]:                             {},
		"/docker/" + id + "0":                           {},
		"/docker/" + strings.ToUpper(id):                {},
		"/docker/" + id + ".scope":                      unit(id + ".scope"),
		"/docker/docker-" + id:                          {},
		"/x/evil-" + id + ".scope":                      unit("evil-" + id + ".scope"),
		"/libpod-" + id + ".scope/container":            nested,
		// units
		"/init.scope":                                                                 unit("init.scope"),
		"/system.slice":                                                               unit("system.slice"),
		"/system.slice/ssh.service":                                                   unit("ssh.service"),
		"/system.slice/docker.socket":                                                 unit("docker.socket"),
		"/system.slice/dev-hugepages.mount":                                           unit("dev-hugepages.mount"),
		"/system.slice/dev-disk-by\\x2dlabel-swap.swap":                               unit("dev-disk-by\\x2dlabel-swap.swap"),
		"/system.slice/system-getty.slice/getty@tty1.service":                         unit("getty@tty1.service"),
		"/system.slice/_cpu.service":                                                  unit("cpu.service"),
		"/user.slice/user-0.slice/session-1.scope":                                    unit("session-1.scope"),
		"/testnode/system.slice/ssh.service":                                          unit("ssh.service"),
		"/kubepods.slice":                                                             unit("kubepods.slice"),
		"/kubepods.slice/kubepods-burstable.slice":                                    unit("kubepods-burstable.slice"),
		"/user.slice/user-1000.slice/user@1000.service":                               unit("user@1000.service"),
		"/user.slice/user-1000.slice/user@1000.service/app.slice/a.service":           {Kind: KindUnit, Unit: "a.service", Nested: true},
		"/user.slice/user-1000.slice/user@1000.service/app.slice/a.service/b.service": nested,
		"/user.slice/user-1000.slice/user@1000.service/app.slice":                     {Kind: KindUnit, Unit: "app.slice", Nested: true},
		"/system.slice/user@evil.service/a.service":                                   nested,
		"/system.slice/docker-" + id + ".scope/system.slice/ssh.service":              nested,
		"/system.slice/a.service/payload":                                             nested,
		"/system.slice/a.timer":                                                       {},
		"/system.slice/.service":                                                      {},
		"/system.slice/a b.service":                                                   {},
		// forged pods
		"/system.slice/evil.service/kubepods/pod" + uid:                                nested,
		"/system.slice/evil.service/kubepods.slice/kubepods-pod" + uidSlice + ".slice": nested,
		"/docker/" + id + "/kubepods/pod" + uid:                                        nested,
		"/user.slice/user-1000.slice/user@1000.service/kubepods/pod" + uid:             {Nested: true},
		"/user.slice/user-1000.slice/user@1000.service/kubepods.slice/kubepods-pod" + uidSlice + ".slice": {
			Kind: KindUnit, Unit: "kubepods-pod" + uidSlice + ".slice", Nested: true},
		"/pod" + uid:                                                   {},
		"/evil/pod" + uid:                                              {},
		"/kubepods/evil/pod" + uid:                                     {},
		"/kubepods/burstable/burstable/pod" + uid:                      {},
		"/kubepods/pod" + uidSlice:                                     {},
		"/kubepods/pod" + strings.ToUpper(uid):                         {},
		"/kubepods/podpod" + uid:                                       {},
		"/kubepods/pod" + uid + "x":                                    {},
		"/kubepods/pod" + staticUID + "0":                              {},
		"/kubepods-pod" + uidSlice + ".slice":                          unit("kubepods-pod" + uidSlice + ".slice"),
		"/evil.slice/kubepods-pod" + uidSlice + ".slice":               unit("kubepods-pod" + uidSlice + ".slice"),
		"/kubepods.slice/kubepods-burstable-pod" + uidSlice + ".slice": unit("kubepods-burstable-pod" + uidSlice + ".slice"),
		"/kubepods.slice/evil-pod" + uidSlice + ".slice":               unit("evil-pod" + uidSlice + ".slice"),
		"/kubepods.slice/kubepods-pod" + uid + ".slice":                unit("kubepods-pod" + uid + ".slice"),
		"/x-kubepods.slice/x-kubepods-pod" + uidSlice + ".slice":       unit("x-kubepods-pod" + uidSlice + ".slice"),
		// not paths
		"": {}, "/": {}, "//": {}, "kubepods/pod" + uid: {}, "/kubepods/../kubepods/pod" + uid: {}, "/kubepods//pod" + uid: {}, "/docker/" + id + "/": {},
		strings.Repeat("/a", maxPath): {},
	} {
		if got := Classify(path); got != want {
			t.Errorf("Classify(%q) = %+v, want %+v", path, got, want)
		}
	}
}

// FuzzClassify checks that what counts as a pod is exactly what the kubelet would have named so, and that nothing in a delegated cgroup does.
func FuzzClassify(f *testing.F) {
	for _, s := range []string{
		"/", "/kubepods/pod" + uid, "/kubepods/burstable/pod" + uid + "/" + id, "/docker/" + id, "/system.slice/a.service/kubepods/pod" + uid,
		"/a.slice/a-kubepods.slice/a-kubepods-besteffort.slice/a-kubepods-besteffort-pod" + uidSlice + ".slice/cri-containerd-" + id + ".scope",
		"/kubepods.slice/kubepods-pod" + staticUID + ".slice", "/user.slice/user-1.slice/user@1.service/b.service", "/a.slice:crio:" + id,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		n := Classify(path)
		if n.PodUID != "" && (!isUID(n.PodUID, '-') || n.Nested || !strings.Contains(path, "kubepods")) {
			t.Errorf("Classify(%q) = %+v", path, n)
		}
		switch n.Kind {
		case KindPod:
			// What the kubelet makes of the UID for its class and cgroup root.
			name := strings.ReplaceAll(n.PodUID, "-", "_") + ".slice"
			if !strings.HasSuffix(path, "/pod"+n.PodUID) && !strings.HasSuffix(path, "-pod"+name) {
				t.Errorf("Classify(%q) = %+v", path, n)
			}
			if below := Classify(path + "/" + id); below != (Name{Kind: KindContainer, PodUID: n.PodUID, ContainerID: id}) && len(path) < maxPath-65 {
				t.Errorf("container in %q = %+v", path, below)
			}
		case KindContainer:
			if len(n.ContainerID) != 64 || !isHex(n.ContainerID) || !strings.Contains(path[strings.LastIndexByte(path, '/'):], n.ContainerID) {
				t.Errorf("Classify(%q) = %+v", path, n)
			}
			if below := Classify(path + "/kubepods/pod" + uid); below.Kind != KindNone {
				t.Errorf("pod in the container %q = %+v", path, below)
			}
		case KindUnit:
			if n.Unit == "" || n.ContainerID != "" || n.PodUID != "" {
				t.Errorf("Classify(%q) = %+v", path, n)
			}
		default:
			if n != (Name{Nested: n.Nested}) {
				t.Errorf("Classify(%q) = %+v", path, n)
			}
		}
		// In a service nothing is a pod, whatever it is named.
		if n := Classify("/system.slice/evil.service/" + path); n.Kind == KindPod || n.PodUID != "" || n.Kind == KindUnit {
			t.Errorf("Classify(%q below a service) = %+v", path, n)
		}
	})
}
