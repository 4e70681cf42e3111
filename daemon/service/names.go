// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"strings"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/inventory"
)

// The longest names that callers can ask for.
const (
	maxLabelBytes     = 63  // of RFC 1123
	maxSubdomainBytes = 253 // of RFC 1123
	maxUIDBytes       = 128
	maxIDBytes        = 255
)

// checkLogSelector refuses names that no container can have, before anything is looked up by them. The error is a
// journal.ErrInvalidQuery.
func checkLogSelector(sel *inventory.LogSelector) error {
	if sel.Pods == nil && len(sel.ContainerIDs) == 0 {
		return badName("selector", "", "want pods or container_ids")
	}
	if sel.Pods != nil {
		if err := checkPodSelector(sel.Pods); err != nil {
			return err
		}
	}
	for _, name := range sel.Containers {
		if !isLabel(name) {
			return badName("container", name, labelGrammar)
		}
	}
	return checkContainerIDs(sel.ContainerIDs)
}

// checkPodSelector does the same for pods.
func checkPodSelector(sel *inventory.PodSelector) error {
	if sel.Namespace != "" && !isLabel(sel.Namespace) {
		return badName("namespace", sel.Namespace, labelGrammar)
	}
	for _, name := range sel.Names {
		kind, rest, ok := strings.Cut(name, "/")
		if !ok {
			kind, rest = "pod", name
		}
		if !isSubdomain(rest) || !isSubdomain(kind) {
			return badName("pod", name, "want a name, or TYPE/NAME; "+subdomainGrammar)
		}
	}
	for _, uid := range sel.UIDs {
		if err := checkUID(uid); err != nil {
			return err
		}
	}
	return nil
}

// checkPod does the same for the name of one pod.
func checkPod(namespace, name, uid string) error {
	if namespace != "" && !isLabel(namespace) {
		return badName("namespace", namespace, labelGrammar)
	}
	if !isSubdomain(name) {
		return badName("pod", name, "want a name: "+subdomainGrammar)
	}
	if uid != "" {
		return checkUID(uid)
	}
	return nil
}

func checkUID(uid string) error {
	if len(uid) > maxUIDBytes || !consistsOf(uid, "-") {
		return badName("uid", uid, "want letters, digits and '-'")
	}
	return nil
}

// checkContainerIDs does the same for ids of containers, with or without RUNTIME:// before them, and for names of
// containers that are in no pod.
func checkContainerIDs(ids []string) error {
	for _, id := range ids {
		rest := id
		if runtime, after, ok := strings.Cut(id, "://"); ok && isSubdomain(runtime) {
			rest = after
		}
		if len(rest) > maxIDBytes || !consistsOf(rest, "_.-") {
			return badName("container", id, "want an id, its beginning, or a name of letters, digits, '_', '.' and '-'")
		}
	}
	return nil
}

const (
	labelGrammar     = "want at most 63 lower case letters, digits and '-', with a letter or digit at both ends"
	subdomainGrammar = "lower case letters, digits, '-' and '.', with a letter or digit at both ends of each part"
)

// isLabel reports whether a name is a label in the sense of RFC 1123, as namespaces and containers of pods have it.
func isLabel(name string) bool {
	return len(name) <= maxLabelBytes && consistsOf(name, "-") && name == strings.ToLower(name) && !strings.HasSuffix(name, "-")
}

// isSubdomain reports whether a name is labels with dots between them, as pods and workloads have it.
func isSubdomain(name string) bool {
	if len(name) > maxSubdomainBytes {
		return false
	}
	for part := range strings.SplitSeq(name, ".") {
		if !consistsOf(part, "-") || part != strings.ToLower(part) || strings.HasSuffix(part, "-") {
			return false
		}
	}
	return true
}

// consistsOf reports whether a name begins with a letter or digit of ASCII and has only those and the others.
func consistsOf(name, others string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case i > 0 && strings.IndexByte(others, c) >= 0:
		default:
			return false
		}
	}
	return name != ""
}

func badName(field, value, reason string) error {
	const most = 80
	if len(value) > most {
		value = value[:most] + "..."
	}
	return &journal.QueryError{Field: field, Value: value, Reason: reason}
}
