// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"fmt"

	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// logSelectors summarises a read of logs for the audit line, in the words of nodectl's flags.
func logSelectors(sel *inventory.LogSelector, q *podlog.Query) string {
	var s summary
	if sel.Pods != nil {
		s.pods(sel.Pods)
	}
	s.list("container", sel.Containers)
	s.flag("all-containers", sel.AllContainers)
	s.list("id", sel.ContainerIDs)
	switch q.Runs {
	case podlog.RunsPrevious:
		s.word("previous")
	case podlog.RunsAll:
		s.word("all-restarts")
	}
	for _, stream := range q.Filter.Streams {
		s.value("stream", stream.String())
	}
	if q.Filter.MaxLevel != journal.LevelUnknown {
		s.value("level", fmt.Sprint(q.Filter.MaxLevel))
	}
	s.value("grep", q.Filter.Grep)
	s.value("exclude", q.Filter.Exclude)
	if q.Since != nil {
		s.value("since", fmt.Sprintf("@%dns", *q.Since))
	}
	if q.Until != nil {
		s.value("until", fmt.Sprintf("@%dns", *q.Until))
	}
	if q.Tail >= 0 {
		s.value("tail", fmt.Sprint(q.Tail))
	}
	if q.Limit >= 0 {
		s.value("limit", fmt.Sprint(q.Limit))
	}
	s.flag("reverse", q.Reverse)
	s.flag("follow", q.Follow)
	s.value("cursor", string(q.Cursor))
	return s.String()
}

// podSelectors summarises a selector of pods.
func podSelectors(sel *inventory.PodSelector) string {
	var s summary
	s.pods(sel)
	return s.String()
}

func podNameSelectors(req *nodedv1.GetPodRequest) string {
	var s summary
	s.value("namespace", req.GetNamespace())
	s.value("pod", req.GetName())
	s.value("uid", req.GetUid())
	return s.String()
}

// containerSelectors summarises a selector of containers; pods may be nil.
func containerSelectors(pods *inventory.PodSelector, ids []string) string {
	var s summary
	if pods != nil {
		s.pods(pods)
	}
	s.list("id", ids)
	return s.String()
}

func (s *summary) pods(sel *inventory.PodSelector) {
	s.value("namespace", sel.Namespace)
	s.list("pod", sel.Names)
	s.value("selector", sel.LabelSelector)
	s.list("uid", sel.UIDs)
}
