// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import "errors"

// Select returns the pods that a selector names, in the order of the snapshot. A name that no pod has is a *NotFoundError, a
// label selector that cannot be read an ErrBadSelector. A selector without names may select nothing.
func (s *Snapshot) Select(sel PodSelector) ([]Pod, error) { return nil, errors.ErrUnsupported }

// Pod returns one pod. Without a namespace the name must be in one namespace only, else it is an *AmbiguousError; of pods of one
// name the newest is meant, unless uid is set.
func (s *Snapshot) Pod(namespace, name, uid string) (Pod, error) {
	return Pod{}, errors.ErrUnsupported
}

// SelectContainers returns the containers of the pods that sel names, nil for all of them and for those in no pod, or with ids
// only those of them that the ids, their beginnings, or names of containers in no pod mean. Each pod has only those of its
// containers that were selected. The errors are those of Select.
func (s *Snapshot) SelectContainers(sel *PodSelector, ids []string) (pods []Pod, containers []Container, err error) {
	return nil, nil, errors.ErrUnsupported
}

// Matcher tells for single pods whether a selector means them. It is safe for concurrent use.
type Matcher struct{}

// NewMatcher returns the matcher of a selector. Names need not exist. The error is an ErrBadSelector.
func NewMatcher(sel PodSelector) (*Matcher, error) { return nil, errors.ErrUnsupported }

// Matches reports whether the selector means the pod.
func (m *Matcher) Matches(p *Pod) bool { return false }
