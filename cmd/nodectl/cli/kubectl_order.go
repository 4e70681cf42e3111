// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// kubectlOrder gives the arguments of the commands that kubectl has, too, the order that ours want: options that are written before the command
// come after it, as in "-n shop get pods" and "get -A pods", and a type in the first name may stand for that of the command: "get pod/web-0" is
// "get pod pod/web-0". global has the options of every command. What it does not understand it leaves as it is.
func kubectlOrder(global *pflag.FlagSet, args []string) []string {
	var words, front, moved []string
	rest := args
	for len(rest) > 0 && !isWholeCommand(words) {
		arg := rest[0]
		n := 1
		switch {
		case !strings.HasPrefix(arg, "-"):
			words = append(words, arg)
			rest = rest[1:]
			continue
		case slices.Contains([]string{"-A", "--all-namespaces", "-f", "--follow", "-p", "--previous", "-w", "--watch"}, arg):
		case slices.Contains([]string{"-n", "--namespace", "-l", "--selector", "-c", "--container", "-o", "--output"}, arg):
			n = 2
		case strings.HasPrefix(arg, "--namespace="), strings.HasPrefix(arg, "--selector="), strings.HasPrefix(arg, "--container="), strings.HasPrefix(arg, "--output="):
		case len(arg) > 2 && slices.Contains([]string{"-n", "-l", "-c", "-o"}, arg[:2]):
		default:
			name, _, hasValue := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
			flag := global.Lookup(name)
			if flag == nil {
				return args
			}
			if !hasValue && flag.NoOptDefVal == "" {
				n = 2
			}
			front, rest = append(front, rest[:min(n, len(rest))]...), rest[min(n, len(rest)):]
			continue
		}
		moved, rest = append(moved, rest[:min(n, len(rest))]...), rest[min(n, len(rest)):]
	}
	if !isWholeCommand(words) {
		return args
	}
	if kind, name, typed := strings.Cut(words[len(words)-1], "/"); typed {
		if words[0] != "get" && slices.Contains([]string{"node", "nodes", "no"}, kind) {
			words = []string{words[0], "node", name}
		} else {
			words = []string{words[0], "pod", words[1]}
		}
	}
	return slices.Concat(front, words, moved, rest)
}

// isWholeCommand reports whether words are one of the commands that kubectl has, too, with what it is about.
func isWholeCommand(words []string) bool {
	switch {
	case len(words) == 0:
		return false
	case slices.Contains([]string{"get", "describe", "top"}, words[0]):
		return len(words) == 2
	}
	return len(words) == 1 && slices.Contains([]string{"logs", "log"}, words[0])
}
