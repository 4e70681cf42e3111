#!/bin/sh
# Copyright The noded Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Prints the version of the sources: 1.2.3 on the tag v1.2.3, 1.2.3+4.gHASH four commits later,
# 0.1.0-dev.N+gHASH before the first tag. Changes that are not committed add ".dirty".
set -eu
cd "$(dirname "$0")/.."
if ! hash=$(git rev-parse --short=10 HEAD 2>/dev/null); then
	echo 0.1.0-dev.0
	exit
fi
dirty=
if ! git diff --quiet HEAD -- 2>/dev/null; then
	dirty=.dirty
fi
if tag=$(git describe --tags --match 'v[0-9]*' --abbrev=0 2>/dev/null); then
	n=$(git rev-list --count "$tag..HEAD")
	version=${tag#v}
	if [ "$n" -gt 0 ]; then
		version=$version+$n.g$hash
	elif [ -n "$dirty" ]; then
		version=$version+0.g$hash
	fi
	echo "$version$dirty"
else
	echo "0.1.0-dev.$(git rev-list --count HEAD)+g$hash$dirty"
fi
