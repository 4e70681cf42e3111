#!/bin/sh
# Copyright The noded Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Prints what a kubelet prints when its node comes up and one of its pods crashes.
set -eu

klog() {
	printf '%s%s %7d %s] %s\n' "$1" "$(date '+%m%d %H:%M:%S.%6N')" "$$" "$2" "$3"
}

klog I 'server.go:529' '"Kubelet version" kubeletVersion="v1.34.1"'
klog I 'server.go:531' '"Golang settings" GOGC="" GOMAXPROCS="" GOTRACEBACK=""'
klog I 'watchdog_linux.go:95' '"Systemd watchdog is not enabled"'
klog I 'server.go:954' '"Client rotation is on, will bootstrap in background"'
klog I 'dynamic_cafile_content.go:161' '"Starting controller" name="client-ca-bundle::/etc/kubernetes/pki/ca.crt"'
klog I 'server.go:1419' '"Using cgroup driver setting received from the CRI runtime" cgroupDriver="systemd"'
klog I 'container_manager_linux.go:275' '"Creating Container Manager object based on Node Config" nodeConfig={"NodeName":"worker-1","CgroupRoot":"/"}'
klog I 'kubelet.go:475' '"Attempting to sync node with API server"'
klog E 'reflector.go:205' '"Failed to watch" err="failed to list *v1.Node: Get \"https://10.0.0.1:6443/api/v1/nodes?fieldSelector=metadata.name%3Dworker-1\": dial tcp 10.0.0.1:6443: connect: connection refused" reflector="k8s.io/client-go/informers/factory.go:160" type="*v1.Node"'
klog W 'probe.go:272' 'Flexvolume plugin directory at /usr/libexec/kubernetes/kubelet-plugins/volume/exec/ does not exist. Recreating.'
klog I 'kubelet_node_status.go:75' '"Attempting to register node" node="worker-1"'
klog I 'kubelet_node_status.go:124' '"Node was previously registered" node="worker-1"'
klog I 'kubelet.go:2405' '"SyncLoop ADD" source="api" pods=["kube-system/coredns-7d764666f9-x2l7w","shop/checkout-5c9d8f6b7-4qk2n"]'
klog I 'kubelet.go:2437' '"SyncLoop (PLEG): event for pod" pod="shop/checkout-5c9d8f6b7-4qk2n" event={"ID":"4f1c7b0e-93ad-4d0b-8a5e-0b8f2a6d1c55","Type":"ContainerStarted","Data":"9b1d2c"}'
klog I 'scope.go:117' '"RemoveContainer" containerID="9b1d2c"'
klog E 'pod_workers.go:1324' '"Error syncing pod, skipping" err="failed to \"StartContainer\" for \"checkout\" with CrashLoopBackOff: \"back-off 10s restarting failed container=checkout pod=checkout-5c9d8f6b7-4qk2n_shop\"" pod="shop/checkout-5c9d8f6b7-4qk2n" podUID="4f1c7b0e-93ad-4d0b-8a5e-0b8f2a6d1c55"'
exec sleep infinity
