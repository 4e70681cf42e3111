// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"errors"
	"fmt"
	"strings"
)

// Errors to test for with errors.Is. They keep their identity across the API.
var (
	// ErrNotFound: no pod, container or workload has that name. Every *NotFoundError is one.
	ErrNotFound = errors.New("not found")
	// ErrAmbiguous: several have that name. Every *AmbiguousError is one.
	ErrAmbiguous = errors.New("ambiguous name")
	// ErrChooseContainer: a pod has several containers and none was named. Every *ChooseContainerError is one.
	ErrChooseContainer = errors.New("a container name must be specified")
	// ErrBadSelector: a selector cannot be read. Every *SelectorError is one.
	ErrBadSelector = errors.New("invalid selector")
)

// NotFoundError says what does not exist.
type NotFoundError struct {
	// Kind is what was looked for, in the words of kubectl: pods, deployments.apps, containers.
	Kind string
	// Name is its name, and Namespace where it was looked for; empty: in all.
	Name, Namespace string
	// Near are names that were perhaps meant, nearest first.
	Near []string
	// Elsewhere are other namespaces that have something of that name, sorted.
	Elsewhere []string
	// Reason replaces the words "not found" where more can be said.
	Reason string
}

// Error implements error.
func (e *NotFoundError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q ", e.Kind, e.Name)
	if e.Reason != "" {
		b.WriteString(e.Reason)
	} else {
		b.WriteString("not found")
	}
	if e.Namespace != "" {
		fmt.Fprintf(&b, " in namespace %q", e.Namespace)
	}
	if len(e.Elsewhere) > 0 {
		b.WriteString(", but in " + strings.Join(e.Elsewhere, ", "))
	}
	if len(e.Near) > 0 {
		b.WriteString(", did you mean " + orList(e.Near) + "?")
	}
	return b.String()
}

// Is makes every NotFoundError an ErrNotFound.
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// AmbiguousError says what a name could mean.
type AmbiguousError struct {
	// Kind and Name are as in NotFoundError.
	Kind, Name string
	// Of is what differs, in the plural: namespaces, containers.
	Of string
	// Choices are the values that it has, sorted.
	Choices []string
}

// Error implements error.
func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%s %q is in several %s, choose one of: [%s]", e.Kind, e.Name, e.Of, strings.Join(e.Choices, " "))
}

// Is makes every AmbiguousError an ErrAmbiguous.
func (e *AmbiguousError) Is(target error) bool { return target == ErrAmbiguous }

// ChooseContainerError says which containers a pod has, in the words of the API server.
type ChooseContainerError struct {
	Pod string
	// Containers, Init and Ephemeral are the names of its containers.
	Containers, Init, Ephemeral []string
}

// Error implements error.
func (e *ChooseContainerError) Error() string {
	return fmt.Sprintf("a container name must be specified for pod %s, %s", e.Pod, e.choices())
}

// choices lists the names in the words of the API server.
func (e *ChooseContainerError) choices() string {
	text := fmt.Sprintf("choose one of: %s", e.Containers)
	if len(e.Init) > 0 {
		text += fmt.Sprintf(" or one of the init containers: %s", e.Init)
	}
	if len(e.Ephemeral) > 0 {
		text += fmt.Sprintf(" or one of the ephemeral containers: %s", e.Ephemeral)
	}
	return text
}

// Is makes every ChooseContainerError an ErrChooseContainer.
func (e *ChooseContainerError) Is(target error) bool { return target == ErrChooseContainer }

// containerError says that a pod has no such container. It is an ErrNotFound.
type containerError struct {
	name   string
	choose *ChooseContainerError
}

func (e *containerError) Error() string {
	return fmt.Sprintf("container %s is not valid for pod %s, %s", e.name, e.choose.Pod, e.choose.choices())
}

func (e *containerError) Is(target error) bool { return target == ErrNotFound }

// SelectorError says what is wrong with a selector.
type SelectorError struct {
	// Value is the part of the selector that is wrong, Reason why.
	Value, Reason string
}

// Error implements error.
func (e *SelectorError) Error() string {
	return fmt.Sprintf("invalid selector %q: %s", e.Value, e.Reason)
}

// Is makes every SelectorError an ErrBadSelector.
func (e *SelectorError) Is(target error) bool { return target == ErrBadSelector }

// orList joins names as a sentence does.
func orList(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
