#!/bin/bash
# Copyright The noded Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Generates everything that is generated, below OUTDIR: tools/generate.sh OUTDIR
set -euo pipefail
mkdir -p "$1"
outdir=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."

plugins=$PWD/dist/tools
GOBIN=$plugins go install -modfile=tools/gen/go.mod \
	google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc
mkdir -p "$outdir/proto"
(
	cd proto
	PATH=$plugins:$PATH go tool -modfile=../tools/buf/go.mod buf generate --output "$outdir/proto"
)
go run ./tools/docgen "$outdir/packaging"
