// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"strings"
	"testing"
)

func TestOwnerOf(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 50)
	for _, test := range []struct {
		name string
		pod  Pod
		want string
	}{
		{"deployment", Pod{Name: "web-7d9fb6c4b-x2x8k", Labels: map[string]string{"pod-template-hash": "7d9fb6c4b"}}, "deployment/web"},
		{"deployment with a hash as its name", Pod{Name: "7d9f-7d9f-x2x8k", Labels: map[string]string{"pod-template-hash": "7d9f"}}, "deployment/7d9f"},
		{"deployment, name cut in the hash", Pod{Name: long + "-7d9fb6cx2x8k", Labels: map[string]string{"pod-template-hash": "7d9fb6c4b"}}, "deployment/" + long},
		{"deployment, name cut before the hash", Pod{Name: strings.Repeat("a", 58) + "x2x8k", Labels: map[string]string{"pod-template-hash": "7d9fb6c4b"}}, ""},
		{"hash of another", Pod{Name: "web-x2x8k", Labels: map[string]string{"pod-template-hash": "7d9fb6c4b"}}, ""},
		{"replicaset", Pod{Name: "web-x2x8k"}, "replicaset/web"},
		{"rollout", Pod{Name: "web-7d9f-x2x8k", Labels: map[string]string{"rollouts-pod-template-hash": "7d9f"}}, "replicaset/web-7d9f"},
		{"statefulset", Pod{Name: "db-12", Labels: map[string]string{"statefulset.kubernetes.io/pod-name": "db-12", "controller-revision-hash": "db-5f"}}, "statefulset/db"},
		{"statefulset by index", Pod{Name: "db-0", Labels: map[string]string{"apps.kubernetes.io/pod-index": "0"}}, "statefulset/db"},
		{"daemonset", Pod{Name: "kube-proxy-x2x8k", Labels: map[string]string{"controller-revision-hash": "5f", "pod-template-generation": "1"}}, "daemonset/kube-proxy"},
		{"job", Pod{Name: "pi-x2x8k", Labels: map[string]string{"batch.kubernetes.io/job-name": "pi"}}, "job/pi"},
		{"indexed job, old label", Pod{Name: "pi-0-x2x8k", Labels: map[string]string{"job-name": "pi"}}, "job/pi"},
		{"cronjob", Pod{Name: "backup-29400720-x2x8k", Labels: map[string]string{"job-name": "backup-29400720"}}, "cronjob/backup"},
		{"bare", Pod{Name: "shell", Labels: map[string]string{"app": "shell"}}, ""},
		{"static", Pod{Name: "etcd-node-1", Static: true}, ""},
		{"logs: deployment", Pod{Name: "web-7d9fb6c4b-x2x8k", LogsOnly: true}, "deployment/web"},
		{"logs: statefulset", Pod{Name: "db-0", LogsOnly: true}, "statefulset/db"},
		{"logs: cronjob", Pod{Name: "backup-29400720-x2x8k", LogsOnly: true}, "cronjob/backup"},
		{"logs: one of three", Pod{Name: "kube-proxy-x2x8k", LogsOnly: true}, ""},
		{"logs: bare", Pod{Name: "shell", LogsOnly: true}, ""},
		{"empty", Pod{}, ""},
		{"dashes", Pod{Name: "-x2x8k", LogsOnly: true}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := OwnerOf(&test.pod).String(); got != test.want {
				t.Errorf("OwnerOf(%s) = %q, want %q", test.pod.Name, got, test.want)
			}
		})
	}
}

func TestParseName(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, kind, name string }{
		{"web-0", "pod", "web-0"}, {"pod/web-0", "pod", "web-0"}, {"po/web-0", "pod", "web-0"}, {"pods/web-0", "pod", "web-0"},
		{"deploy/web", "deployment", "web"}, {"Deployment/web", "deployment", "web"}, {"deployments.apps/web", "deployment", "web"},
		{"rs/web", "replicaset", "web"}, {"sts/db", "statefulset", "db"}, {"ds/proxy", "daemonset", "proxy"},
		{"job/pi", "job", "pi"}, {"cj/backup", "cronjob", "backup"}, {"cronjobs.batch/backup", "cronjob", "backup"},
		{"svc/web", "", ""}, {"deploy/", "", ""}, {"deploy/a/b", "", ""}, {"/web", "", ""},
	} {
		kind, name, err := parseName(test.text)
		if kind != test.kind || err == nil && name != test.name || (err == nil) != (test.kind != "") {
			t.Errorf("parseName(%q) = %q, %q, %v, want %q, %q", test.text, kind, name, err, test.kind, test.name)
		}
	}
}
