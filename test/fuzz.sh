#!/bin/bash
# Copyright The noded Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Runs every fuzz test of the named packages for FUZZTIME each: test/fuzz.sh ./...
set -euo pipefail
cd "$(dirname "$0")/.."

failed=()
while read -r package; do
	dir=$(go list -f '{{.Dir}}' "$package")
	while read -r name; do
		echo "== $package $name"
		go test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-10s}" -fuzzminimizetime 200x "$package" || failed+=("$package $name")
	done < <(grep -hoE '^func Fuzz[A-Za-z0-9_]*' "$dir"/*_test.go 2>/dev/null | sed 's/^func //')
done < <(go list "$@")

if [ ${#failed[@]} -gt 0 ]; then
	printf 'failed: %s\n' "${failed[@]}" >&2
	exit 1
fi
