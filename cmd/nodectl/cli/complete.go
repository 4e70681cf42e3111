// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/noded/noded/runtime/inventory"
)

const (
	// completionTimeout is how long a person waits for a completion.
	completionTimeout = time.Second
	// maxCompletions is how many values of a field are offered.
	maxCompletions = 1000
)

// completer finds words to complete; what it cannot find it leaves out.
type completer func(ctx context.Context, b backend, prefix string) []cobra.Completion

// completeFromBackend completes units, boots, fields and their values from noded or the files that the options
// before the word name. It is quick, and silent when it fails.
func completeFromBackend(g *globals, f *journalFlags, cmd *cobra.Command) {
	with := func(find completer) cobra.CompletionFunc {
		return func(cmd *cobra.Command, _ []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(commandContext(cmd)), completionTimeout)
			defer cancel()
			source := f.fileSource(cmd.Flags(), actionShow)
			fast := *g
			fast.timeout = completionTimeout
			b, err := fast.openBackend(source, f.engine)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			defer b.Close()
			directive := cobra.ShellCompDirectiveNoFileComp
			words := find(ctx, b, prefix)
			if len(words) == 1 && strings.HasSuffix(words[0], "=") {
				directive |= cobra.ShellCompDirectiveNoSpace
			}
			return words, directive
		}
	}
	units := func(user bool) completer {
		return func(ctx context.Context, b backend, prefix string) []cobra.Completion {
			names, _ := b.Units(ctx, nil, user)
			return withPrefix(names, prefix)
		}
	}
	for name, find := range map[string]completer{
		"unit": units(false), "user-unit": units(true), "boot": completeBoots, "field": completeFieldNames,
		"output-fields": completeFieldNames, "identifier": valuesOf("SYSLOG_IDENTIFIER"), "exclude-identifier": valuesOf("SYSLOG_IDENTIFIER"),
	} {
		// The only error is a flag that does not exist.
		_ = cmd.RegisterFlagCompletionFunc(name, with(find))
	}
	words := with(completeWords)
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if strings.HasPrefix(prefix, "/") {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return words(cmd, args, prefix)
	}
}

func commandContext(cmd *cobra.Command) context.Context {
	if ctx := cmd.Context(); ctx != nil {
		return ctx
	}
	return context.Background()
}

// completeWords completes a unit, a field's name with "=", or after that a value of it.
func completeWords(ctx context.Context, b backend, prefix string) []cobra.Completion {
	if field, value, ok := strings.Cut(prefix, "="); ok {
		var out []cobra.Completion
		for _, v := range valuesOf(field)(ctx, b, value) {
			out = append(out, field+"="+v)
		}
		return out
	}
	if prefix != "" && (prefix[0] == '_' || prefix[0] >= 'A' && prefix[0] <= 'Z') {
		var out []cobra.Completion
		for _, name := range completeFieldNames(ctx, b, prefix) {
			out = append(out, name+"=")
		}
		return out
	}
	names, _ := b.Units(ctx, nil, false)
	if logs, ok := b.(logBackend); ok {
		pods, _, _ := logs.Pods(ctx, inventory.PodSelector{})
		names = append(names, componentNames(pods)...)
	}
	return withPrefix(names, prefix)
}

func completeFieldNames(ctx context.Context, b backend, prefix string) []cobra.Completion {
	names, _ := b.FieldNames(ctx)
	slices.Sort(names)
	return withPrefix(names, prefix)
}

func completeBoots(ctx context.Context, b backend, prefix string) []cobra.Completion {
	boots, err := b.Boots(ctx)
	if err != nil {
		return nil
	}
	var words []cobra.Completion
	for i, boot := range boots {
		text := stamp(boot.First, false)
		for _, word := range []string{strconv.Itoa(i - len(boots) + 1), boot.ID.String()} {
			if strings.HasPrefix(word, prefix) {
				words = append(words, cobra.CompletionWithDesc(word, text))
			}
		}
	}
	if strings.HasPrefix("all", prefix) {
		words = append(words, cobra.CompletionWithDesc("all", "every boot"))
	}
	return words
}

// valuesOf completes the values of a field.
func valuesOf(field string) completer {
	return func(ctx context.Context, b backend, prefix string) []cobra.Completion {
		var words []string
		_ = b.FieldValues(ctx, field, func(value []byte) error {
			word := string(value)
			if strings.HasPrefix(word, prefix) && visible(word) == word && !strings.ContainsAny(word, "\t\n") {
				words = append(words, word)
			}
			if len(words) >= maxCompletions {
				return errors.New("enough")
			}
			return nil
		})
		slices.Sort(words)
		return words
	}
}

func withPrefix(names []string, prefix string) []cobra.Completion {
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, prefix) })
}
