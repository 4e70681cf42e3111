// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/noded/noded/runtime/inventory"
)

// podWords finds words to complete among pods.
type podWords func(pods []inventory.Pod, args []string, prefix string) []cobra.Completion

// completePods completes from the pods of the namespace that the options before the word name, if any. It is quick, and silent
// when it fails. root and namespace are where the options are kept.
func completePods(g *globals, root, namespace *string, find podWords) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(commandContext(cmd)), completionTimeout)
		defer cancel()
		fast := *g
		fast.timeout = completionTimeout
		b, err := fast.openLogs(*root, false)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer b.Close()
		pods, _, err := b.Pods(ctx, inventory.PodSelector{Namespace: *namespace})
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		directive := cobra.ShellCompDirectiveNoFileComp
		words := find(pods, args, prefix)
		if len(words) == 1 && strings.HasSuffix(words[0], "/") {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		return words, directive
	}
}

// completeFromLogs completes pods, what made them, namespaces and containers.
func completeFromLogs(g *globals, f *logsFlags, cmd *cobra.Command) {
	everywhere := ""
	for name, complete := range map[string]cobra.CompletionFunc{
		"namespace": completePods(g, &f.root, &everywhere, namespaceWords),
		"container": completePods(g, &f.root, &f.namespace, containerWords),
	} {
		// The only error is a flag that does not exist.
		_ = cmd.RegisterFlagCompletionFunc(name, complete)
	}
	cmd.ValidArgsFunction = completePods(g, &f.root, &f.namespace, func(pods []inventory.Pod, args []string, prefix string) []cobra.Completion {
		switch len(args) {
		case 0:
			return podOrOwnerWords(pods, prefix)
		case 1:
			return containerWords(pods, args, prefix)
		}
		return nil
	})
}

// podOrOwnerWords completes names of pods and of components, and TYPE/NAME of what made pods once a type is typed.
func podOrOwnerWords(pods []inventory.Pod, prefix string) []cobra.Completion {
	kind, _, typed := strings.Cut(prefix, "/")
	var words []string
	if !typed {
		words = componentNames(pods)
	}
	for i := range pods {
		p := &pods[i]
		switch {
		case !typed:
			words = append(words, p.Name)
		case slices.Contains([]string{"pod", "pods", "po"}, kind):
			words = append(words, kind+"/"+p.Name)
		case isKind(kind, p.Owner.Kind):
			words = append(words, kind+"/"+p.Owner.Name)
		}
	}
	return uniqueWords(words, prefix)
}

// isKind reports whether a word that a person types for a kind of workload is that kind.
func isKind(word, kind string) bool {
	short := map[string]string{"deploy": "deployment", "rs": "replicaset", "sts": "statefulset", "ds": "daemonset", "cj": "cronjob"}
	if long := short[word]; long != "" {
		word = long
	}
	return kind != "" && (word == kind || word == kind+"s")
}

// podNameWords completes names of pods that were not given before, and TYPE/NAME once a type is typed.
func podNameWords(pods []inventory.Pod, args []string, prefix string) []cobra.Completion {
	if strings.Contains(prefix, "/") {
		return podOrOwnerWords(pods, prefix)
	}
	var words []string
	for i := range pods {
		if !slices.Contains(args, pods[i].Name) {
			words = append(words, pods[i].Name)
		}
	}
	return uniqueWords(words, prefix)
}

func namespaceWords(pods []inventory.Pod, _ []string, prefix string) []cobra.Completion {
	var words []string
	for i := range pods {
		words = append(words, pods[i].Namespace)
	}
	return uniqueWords(words, prefix)
}

// containerWords completes names of containers, of the pod or workload that was given, if one was.
func containerWords(pods []inventory.Pod, args []string, prefix string) []cobra.Completion {
	var words []string
	for i := range pods {
		p := &pods[i]
		if len(args) > 0 {
			kind, name, typed := strings.Cut(args[0], "/")
			meant := p.Name == args[0]
			if typed {
				meant = isKind(kind, p.Owner.Kind) && p.Owner.Name == name || p.Name == name && !isKind(kind, p.Owner.Kind)
			}
			if !meant {
				continue
			}
		}
		for j := range p.Containers {
			words = append(words, p.Containers[j].Name)
		}
	}
	return uniqueWords(words, prefix)
}

// uniqueWords returns the words with the prefix, sorted, each once; those that a shell or a terminal could take for something else are
// left out.
func uniqueWords(words []string, prefix string) []cobra.Completion {
	slices.Sort(words)
	words = slices.DeleteFunc(slices.Compact(words), func(w string) bool { return visible(w) != w || strings.ContainsAny(w, "\t\n ") })
	words = withPrefix(words, prefix)
	return words[:min(len(words), maxCompletions)]
}
