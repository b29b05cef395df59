#!/bin/sh
# make conformance CRITEST=<critest>: critest 1.36 against a daemon of its own. The binary and the images that it needs
# are made elsewhere: REGISTRY is the host:port of the plain-HTTP registry on loopback that has them.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
critest=${1:-}
if [ -z "$critest" ] || [ ! -x "$critest" ]; then
  echo "conformance: there is no critest: build it from kubernetes-sigs/cri-tools (1.36), then" >&2
  echo "  make conformance CRITEST=/path/to/critest [REGISTRY=127.0.0.1:5000] [IMAGES=images.yaml] [FOCUS=regexp]" >&2
  exit 1
fi
exec "$here/node_modules/.bin/node" "$here/test/conformance/run.ts" "$critest"
