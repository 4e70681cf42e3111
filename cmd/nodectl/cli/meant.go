// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/noded/noded/runtime/inventory"
)

// familiarCommand returns the command that does what a word does for kubectl, crictl, docker, journalctl or systemctl; empty if there is none.
// path is the command after which the word was written.
func familiarCommand(path, word string) string {
	switch path + " " + word {
	case "nodectl ps", "nodectl containers", "nodectl container", "nodectl get ps", "nodectl get ctr", "nodectl get ctrs":
		return "nodectl get containers"
	case "nodectl pods", "nodectl pod", "nodectl po":
		return "nodectl get pods"
	case "nodectl units", "nodectl unit", "nodectl list-units", "nodectl get services", "nodectl get service", "nodectl get svc":
		return "nodectl get units"
	case "nodectl boots", "nodectl list-boots":
		return "nodectl get boots"
	case "nodectl stats":
		return "nodectl top container"
	case "nodectl statsp":
		return "nodectl top pod"
	case "nodectl inspect":
		return "nodectl describe container"
	case "nodectl inspectp":
		return "nodectl describe pod"
	case "nodectl node", "nodectl nodes", "nodectl info", "nodectl get node", "nodectl get nodes", "nodectl get no":
		return "nodectl describe node"
	case "nodectl dmesg":
		return "nodectl journal --dmesg"
	case "nodectl events", "nodectl event", "nodectl get events", "nodectl get event", "nodectl get ev":
		return "nodectl journal kubelet, or nodectl describe pod POD: noded has no events of the API server"
	case "nodectl describe unit", "nodectl describe units", "nodectl describe service":
		return "nodectl journal UNIT, or nodectl top unit UNIT"
	}
	switch workload := slices.Contains(workloadTypes(), word); {
	case workload && path == "nodectl get":
		return "nodectl get pods -o wide, which shows what made them"
	case workload && path != "nodectl":
		return path + " pod " + word + "/NAME"
	case path == "nodectl describe" && word != "" && isContainerName(word):
		return fmt.Sprintf("nodectl describe pod %s, or nodectl describe container %s", word, word)
	}
	return ""
}

// nearFlag returns the long option whose name is the nearest to one that does not exist; empty if none is near.
func nearFlag(flags *pflag.FlagSet, name string) string {
	var names []string
	flags.VisitAll(func(flag *pflag.Flag) {
		if !flag.Hidden {
			names = append(names, flag.Name)
		}
	})
	if near := nearNames(name, names); len(near) > 0 {
		return near[0]
	}
	return ""
}

// selectorHint is the next step when a selector, or one of the names, cannot be read.
func selectorHint(err error, names []string) string {
	if !strings.Contains(err.Error(), "there is no type ") {
		return "-l app=web,tier!=cache"
	}
	for _, n := range names {
		kind, name, typed := strings.Cut(n, "/")
		if !typed || !isPodName(kind) || !isPodName(name) || !strings.Contains(err.Error(), fmt.Sprintf("no type %q", kind)) {
			continue
		}
		if slices.Contains([]string{"unit", "units", "service", "services", "svc", "container", "containers", "node", "nodes"}, kind) {
			return "a name alone: " + name
		}
		return fmt.Sprintf("-n %s %s, if %s is a namespace", kind, name, kind)
	}
	return "a name such as web-0, or TYPE/NAME such as deployment/web"
}

// severalPodsHint is the next step when a pattern is given where there are none.
const severalPodsHint = "-l app=web, or TYPE/NAME such as deployment/web, for several pods: names are no patterns"

// isPodPattern reports whether a name was perhaps meant as a pattern.
func isPodPattern(name string) bool { return strings.ContainsAny(name, "*?[") }

// podsOfContainer returns the next step when a word is not what was wanted, but the name of containers in pods: the command with a pod. It is empty
// if there are none.
func podsOfContainer(command string, pods []inventory.Pod, word string) string {
	var found []*inventory.Pod
	for i := range pods {
		if slices.ContainsFunc(pods[i].Containers, func(c inventory.Container) bool { return c.Name == word }) {
			found = append(found, &pods[i])
		}
	}
	switch {
	case len(found) == 0:
		return ""
	case len(found) == 1:
		return fmt.Sprintf("%s -n %s %s %s", command, found[0].Namespace, found[0].Name, word)
	}
	var names []string
	for _, p := range found {
		if !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	others := ""
	if more := len(names) - maxSuggestions; more > 0 {
		names, others = names[:maxSuggestions], fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("%s POD %s, where POD is one of %s%s", command, word, strings.Join(names, ", "), others)
}

// flagErrorWithoutOutput is flagError for commands that have no --output, with the command that has.
func flagErrorWithoutOutput(instead string) func(*cobra.Command, error) error {
	return func(cmd *cobra.Command, err error) error {
		if name := unknownFlag(err); name == "o" || name == "output" {
			return &usageError{err: err, hint: instead}
		}
		return flagError(cmd, err)
	}
}
