// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/stats"
)

// statsWords finds words to complete among what has figures.
type statsWords func(ctx context.Context, b statsBackend) []string

// completeStats completes words that were not given before. It is quick, and silent when it fails.
func completeStats(g *globals, find statsWords) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(commandContext(cmd)), completionTimeout)
		defer cancel()
		fast := *g
		fast.timeout = completionTimeout
		b, err := fast.openStats()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer b.Close()
		words := slices.DeleteFunc(find(ctx, b), func(w string) bool { return slices.Contains(args, w) })
		return uniqueWords(words, prefix), cobra.ShellCompDirectiveNoFileComp
	}
}

// unitWords completes names of units that have figures.
func unitWords(ctx context.Context, b statsBackend) []string {
	return entityWords(ctx, b, stats.KindUnit, func(e *stats.Entity) []string { return []string{e.Name} })
}

// containerIDWords completes what --id takes.
func containerIDWords(ctx context.Context, b statsBackend) []string {
	return entityWords(ctx, b, stats.KindContainer, func(e *stats.Entity) []string { return []string{e.ContainerID, e.Name} })
}

func entityWords(ctx context.Context, b statsBackend, kind stats.Kind, of func(*stats.Entity) []string) []string {
	list, err := b.ListStats(ctx, stats.Selection{Kinds: []stats.Kind{kind}})
	if err != nil {
		return nil
	}
	var words []string
	for i := range list.Usages {
		words = append(words, of(list.Usages[i].Entity)...)
	}
	return slices.DeleteFunc(words, func(w string) bool { return w == "" })
}

// completeNode completes the name of the node, of which one is enough.
func completeNode(g *globals) cobra.CompletionFunc {
	find := completeStats(g, func(ctx context.Context, b statsBackend) []string {
		n, err := b.NodeStats(ctx)
		if err != nil {
			return nil
		}
		return []string{n.Node}
	})
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return find(cmd, args, prefix)
	}
}

// topPodWords completes names of pods and TYPE/NAME that were not given before.
func topPodWords(pods []inventory.Pod, args []string, prefix string) []cobra.Completion {
	if !strings.Contains(prefix, "/") {
		return podNameWords(pods, args, prefix)
	}
	return slices.DeleteFunc(podOrOwnerWords(pods, prefix), func(w string) bool { return slices.Contains(args, w) })
}
