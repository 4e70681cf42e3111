// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"strconv"
	"strings"
)

// The kinds of workloads.
const (
	kindDeployment  = "deployment"
	kindReplicaSet  = "replicaset"
	kindStatefulSet = "statefulset"
	kindDaemonSet   = "daemonset"
	kindJob         = "job"
	kindCronJob     = "cronjob"
	// kindPod is what a name without a kind means.
	kindPod = "pod"
)

// kinds are the names of kinds as kubectl takes them: singular, plural, short and with their group.
var kinds = map[string]string{ // read-only
	"pod": kindPod, "pods": kindPod, "po": kindPod,
	"deployment": kindDeployment, "deployments": kindDeployment, "deploy": kindDeployment,
	"deployment.apps": kindDeployment, "deployments.apps": kindDeployment,
	"replicaset": kindReplicaSet, "replicasets": kindReplicaSet, "rs": kindReplicaSet,
	"replicaset.apps": kindReplicaSet, "replicasets.apps": kindReplicaSet,
	"statefulset": kindStatefulSet, "statefulsets": kindStatefulSet, "sts": kindStatefulSet,
	"statefulset.apps": kindStatefulSet, "statefulsets.apps": kindStatefulSet,
	"daemonset": kindDaemonSet, "daemonsets": kindDaemonSet, "ds": kindDaemonSet,
	"daemonset.apps": kindDaemonSet, "daemonsets.apps": kindDaemonSet,
	"job": kindJob, "jobs": kindJob, "job.batch": kindJob, "jobs.batch": kindJob,
	"cronjob": kindCronJob, "cronjobs": kindCronJob, "cj": kindCronJob,
	"cronjob.batch": kindCronJob, "cronjobs.batch": kindCronJob,
}

// resourceOf is how kubectl names a kind in errors.
func resourceOf(kind string) string {
	switch kind {
	case kindPod:
		return "pods"
	case kindJob, kindCronJob:
		return kind + "s.batch"
	default:
		return kind + "s.apps"
	}
}

// parseName splits TYPE/NAME. A name without a type is that of a pod.
func parseName(text string) (kind, name string, err error) {
	word, name, found := strings.Cut(text, "/")
	if !found {
		return kindPod, text, nil
	}
	kind, known := kinds[strings.ToLower(word)]
	switch {
	case !known:
		return "", "", &SelectorError{Value: text, Reason: "there is no type " + strconv.Quote(word) +
			", only pod, deployment, replicaset, statefulset, daemonset, job and cronjob"}
	case name == "" || strings.Contains(name, "/"):
		return "", "", &SelectorError{Value: text, Reason: "it must be TYPE/NAME"}
	}
	return kind, name, nil
}

// Labels that controllers set on their pods.
const (
	labelTemplateHash       = "pod-template-hash"
	labelRolloutHash        = "rollouts-pod-template-hash"
	labelStatefulSetPod     = "statefulset.kubernetes.io/pod-name"
	labelPodIndex           = "apps.kubernetes.io/pod-index"
	labelRevisionHash       = "controller-revision-hash"
	labelTemplateGeneration = "pod-template-generation"
	labelJob                = "batch.kubernetes.io/job-name"
	labelJobOld             = "job-name"
)

// OwnerOf works out what made a pod, of its labels and its name:
//
//   - deployment: the label pod-template-hash, in a name NAME-HASH-xxxxx
//   - statefulset: the labels statefulset.kubernetes.io/pod-name or apps.kubernetes.io/pod-index, in a name NAME-N
//   - daemonset: the labels controller-revision-hash and pod-template-generation, in a name NAME-xxxxx
//   - job: the labels batch.kubernetes.io/job-name or job-name; cronjob: if that is NAME-MINUTES
//   - replicaset: none of these labels, in a name NAME-xxxxx, as a replicaset without a deployment makes it
//
// Of a pod that only its logs tell of, LogsOnly, it is a guess by the shape of the name: NAME-HASH-xxxxx is of a deployment,
// NAME-MINUTES-xxxxx of a cronjob, NAME-N of a statefulset, and NAME-xxxxx can be of a daemonset, a replicaset or a job, so its kind stays
// unknown; a selector for either matches it. Static pods have no owner.
func OwnerOf(p *Pod) Workload {
	if all := workloadsOf(p); len(all) > 0 && (!p.LogsOnly || len(all) < 3) {
		return all[0]
	}
	return Workload{}
}

// workloadsOf returns everything that OwnerOf can find of a pod: what made it, and what that made in between, outermost first.
func workloadsOf(p *Pod) []Workload {
	switch {
	case p.Static:
		return nil
	case p.LogsOnly:
		return guessWorkloads(p.Name)
	}
	if job := first(p.Labels, labelJob, labelJobOld); job != "" {
		return jobWorkloads(job)
	}
	if p.Labels[labelStatefulSetPod] == p.Name || p.Labels[labelPodIndex] != "" {
		if name, ok := cutOrdinal(p.Name); ok {
			return []Workload{{kindStatefulSet, name}}
		}
	}
	if hash := p.Labels[labelTemplateHash]; hash != "" {
		if name := cutHash(p.Name, hash); name != "" {
			return []Workload{{kindDeployment, name}, {kindReplicaSet, name + "-" + hash}}
		}
		return nil
	}
	base, generated := cutRandom(p.Name)
	switch {
	case !generated:
	case p.Labels[labelRolloutHash] != "":
		return []Workload{{kindReplicaSet, base}}
	case p.Labels[labelRevisionHash] != "" && p.Labels[labelTemplateGeneration] != "":
		return []Workload{{kindDaemonSet, base}}
	case p.Labels[labelRevisionHash] == "":
		return []Workload{{kindReplicaSet, base}}
	}
	return nil
}

func jobWorkloads(job string) []Workload {
	if name, ok := cutSchedule(job); ok {
		return []Workload{{kindCronJob, name}, {kindJob, job}}
	}
	return []Workload{{kindJob, job}}
}

// guessWorkloads is workloadsOf by the shape of a name alone.
func guessWorkloads(name string) []Workload {
	base, generated := cutRandom(name)
	if !generated {
		if set, ok := cutOrdinal(name); ok {
			return []Workload{{kindStatefulSet, set}}
		}
		return nil
	}
	if cron, ok := cutSchedule(base); ok {
		return []Workload{{kindCronJob, cron}, {kindJob, base}}
	}
	if i := strings.LastIndexByte(base, '-'); i > 0 && len(base)-i-1 >= 6 && len(base)-i-1 <= 10 && isRandom(base[i+1:]) {
		return []Workload{{kindDeployment, base[:i]}, {kindReplicaSet, base}}
	}
	return []Workload{{kindDaemonSet, base}, {kindReplicaSet, base}, {kindJob, base}}
}

// maxGenerated is the length of a generated name up to its random part: longer ones are cut.
const maxGenerated = 63 - randomLength

// cutHash returns what is before -HASH-xxxxx; empty if the name is not made so, or was cut too short to tell.
func cutHash(pod, hash string) string {
	if len(pod) <= randomLength {
		return ""
	}
	base := pod[:len(pod)-randomLength]
	if name, ok := strings.CutSuffix(base, "-"+hash+"-"); ok {
		return name
	}
	if len(base) != maxGenerated {
		return ""
	}
	// The name was cut somewhere in the hash.
	for n := len(hash); n > 0; n-- {
		if name, ok := strings.CutSuffix(base, "-"+hash[:n]); ok {
			return name
		}
	}
	return ""
}

// randomLength is the number of random letters that end a generated name.
const randomLength = 5

// cutRandom cuts -xxxxx off a generated name.
func cutRandom(name string) (base string, ok bool) {
	i := len(name) - randomLength
	if i < 1 || !isRandom(name[i:]) {
		return "", false
	}
	if base, ok = strings.CutSuffix(name[:i], "-"); ok {
		return base, base != ""
	}
	return name[:i], i == maxGenerated
}

// isRandom reports whether text has only the letters that Kubernetes makes random names of: no vowels, and no digits that look
// like one.
func isRandom(text string) bool {
	return strings.Trim(text, "bcdfghjklmnpqrstvwxz2456789") == ""
}

// cutOrdinal cuts -N off the name of a pod of a statefulset.
func cutOrdinal(name string) (base string, ok bool) {
	i := strings.LastIndexByte(name, '-')
	if i < 1 || !isNumber(name[i+1:], 1, 6) {
		return "", false
	}
	return name[:i], true
}

// cutSchedule cuts the time off the name of a job that a cronjob made: minutes since 1970, formerly seconds.
func cutSchedule(job string) (base string, ok bool) {
	i := strings.LastIndexByte(job, '-')
	if i < 1 || !isNumber(job[i+1:], 8, 8) && !isNumber(job[i+1:], 10, 10) {
		return "", false
	}
	return job[:i], true
}

func isNumber(text string, least, most int) bool {
	return len(text) >= least && len(text) <= most && strings.Trim(text, "0123456789") == "" && (text[0] != '0' || len(text) == 1)
}

func first(labels map[string]string, keys ...string) string {
	for _, key := range keys {
		if v := labels[key]; v != "" {
			return v
		}
	}
	return ""
}
