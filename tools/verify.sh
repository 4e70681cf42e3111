#!/bin/bash
# Copyright The noded Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Fails when a generated file is not what tools/generate.sh makes.
set -euo pipefail
cd "$(dirname "$0")/.."

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
tools/generate.sh "$fresh"

stale=0
while read -r -d '' file; do
	name=${file#"$fresh"/}
	if ! diff -u "$name" "$file"; then
		stale=1
	fi
done < <(find "$fresh" -type f -print0)
# A page or completion that nothing generates any more.
for name in packaging/man/* packaging/completions/*; do
	if [ ! -e "$fresh/$name" ]; then
		echo "not generated any more: $name" >&2
		stale=1
	fi
done
if [ "$stale" -ne 0 ]; then
	echo "Try: make update" >&2
	exit 1
fi
