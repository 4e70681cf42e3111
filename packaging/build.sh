#!/bin/bash
# Copyright The noded Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Builds packages: packaging/build.sh OUTDIR FORMAT ARCH
#   FORMAT  deb or rpm
#   ARCH    amd64 or arm64
# VERSION and SOURCE_DATE_EPOCH come from the environment ("make packages" sets them). The same
# sources, version and date give the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."

outdir=$1 format=$2 arch=$3
: "${VERSION:?}" "${SOURCE_DATE_EPOCH:?}"
export SOURCE_DATE_EPOCH PACKAGE_ARCH=$arch LC_ALL=C TZ=UTC
# Both families sort 1.0~rc1 before 1.0; they know no "-".
export PACKAGE_VERSION=${VERSION//-/\~}
stage=dist/stage
mkdir -p "$outdir" "$stage/$arch" "$stage/man"

make --no-print-directory --silent binaries VERSION="$VERSION" BINDIR="$stage/$arch" GOARCH="$arch"

compress() { gzip --best --no-name --stdout; }
for page in packaging/man/*.[158]; do
	compress <"$page" >"$stage/man/${page##*/}.gz"
done
go run ./tools/licenses ./cmd/noded ./cmd/nodectl | compress >"$stage/THIRD_PARTY_LICENSES.gz"
compress >"$stage/changelog.Debian.gz" <<CHANGELOG
noded ($PACKAGE_VERSION-1) stable; urgency=medium

  * Version $VERSION.

 -- The noded Authors <maintainers@noded.example>  $(date --utc --rfc-email --date="@$SOURCE_DATE_EPOCH")
CHANGELOG

go tool -modfile=tools/nfpm/go.mod nfpm package \
	--config packaging/nfpm.yaml --packager "$format" --target "$outdir"
