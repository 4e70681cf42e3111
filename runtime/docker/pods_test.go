// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package docker_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/docker"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// podContainer is what cri-dockerd makes: a sandbox if name is empty.
func podContainer(name string, attempt int, base map[string]any) map[string]any {
	labels := map[string]any{
		"io.kubernetes.pod.name": "web-0", "io.kubernetes.pod.namespace": "shop", "io.kubernetes.pod.uid": "uid-1",
	}
	called := name
	if name == "" {
		called = "POD"
		labels["io.kubernetes.docker.type"] = "podsandbox"
		labels["app"] = "web"
		labels["annotation.kubernetes.io/config.source"] = "file"
		labels["annotation.secret"] = "canary"
		labels["annotation.kubectl.kubernetes.io/default-container"] = "app"
	} else {
		labels["io.kubernetes.docker.type"] = "container"
		labels["io.kubernetes.container.name"] = name
		labels["annotation.io.kubernetes.container.restartCount"] = fmt.Sprint(attempt)
	}
	base["Name"] = fmt.Sprintf("/k8s_%s_web-0_shop_uid-1_%d", called, attempt)
	base["Config"] = map[string]any{"Image": "app:1", "Labels": labels}
	base["Mounts"] = nil
	base["HostConfig"] = map[string]any{
		"LogConfig": map[string]any{"Type": "json-file"}, "NetworkMode": "host", "CgroupParent": "/kubepods/poduid-1",
	}
	return base
}

func TestPods(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.set(id(1), "", podContainer("", 0, exited("", 0, false)))
	f.set(id(2), "", podContainer("", 1, running("")))
	f.set(id(3), "", podContainer("app", 1, running("")))
	f.set(id(4), "", podContainer("app", 0, exited("", 3, false)))
	f.set(id(5), "", running("plain"))
	f.start(t)
	r := run(t, docker.Config{Socket: f.Socket})
	var got []inventory.Pod
	r.wait(t, "pod", func(pods []inventory.Pod, containers []inventory.Container, _ inventory.RuntimeStatus) bool {
		got = pods
		return len(pods) == 1 && len(containers) == 1
	})
	three := int32(3)
	want := []inventory.Pod{{
		Namespace: "shop", Name: "web-0", UID: "uid-1", Labels: map[string]string{"app": "web"},
		AnnotationNames: []string{"kubectl.kubernetes.io/default-container", "kubernetes.io/config.source", "secret"},
		State:           inventory.StateReady, Created: at("2026-11-24T03:00:00.5Z"), HostNetwork: true, Static: true,
		SandboxID: id(2), SandboxAttempt: 1, CgroupParent: "/kubepods/poduid-1", DefaultContainer: "app",
		Containers: []inventory.Container{{
			Name: "app", ID: id(3), Image: "app:1", ImageID: "sha256:abc", State: inventory.ContainerRunning, Run: 1,
			Created: at("2026-11-24T03:00:00.5Z"), Started: at("2026-11-24T03:00:01Z"), Runtime: "docker", PID: 4711,
			Labels: map[string]string{
				"io.kubernetes.pod.name": "web-0", "io.kubernetes.pod.namespace": "shop", "io.kubernetes.pod.uid": "uid-1",
				"io.kubernetes.docker.type": "container", "io.kubernetes.container.name": "app",
			},
			Log: &inventory.Log{Layout: podlog.LayoutDocker, Dir: id(3)},
			Previous: []inventory.Run{{
				Number: 0, ID: id(4), Started: at("2026-11-24T03:00:01Z"), Finished: at("2026-11-24T03:00:02Z"), ExitCode: &three,
				Reason: "Error", Logged: true,
			}},
		}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pods (-want +got):\n%s", diff)
	}
	// The sandbox ends, and the pod stays.
	f.set(id(2), "die", podContainer("", 1, exited("", 0, false)))
	r.wait(t, "end of the sandbox", func(pods []inventory.Pod, _ []inventory.Container, _ inventory.RuntimeStatus) bool {
		return len(pods) == 1 && pods[0].State == inventory.StateNotReady
	})
}
