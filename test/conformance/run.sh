#!/bin/sh
# make conformance CRITEST=<critest>: critest 1.36 against daemons of its own. The binary, the images that it needs and
# the plain-HTTP registry on loopback that has them are made elsewhere: docs/conformance.md says how.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
critest=${1:-}
if [ -z "$critest" ] || [ ! -x "$critest" ]; then
  echo "conformance: there is no critest: build it from kubernetes-sigs/cri-tools (1.36), then" >&2
  echo "  make conformance CRITEST=/path/to/critest [IMAGES=images.yaml] [REGISTRY=127.0.0.1:5000] \\" >&2
  echo "    [RUNTIME=runc|crun] [FOCUS=regexp] [SKIP=regexp] [PARALLEL=n]" >&2
  exit 1
fi
registry=${REGISTRY:-127.0.0.1:5000}
if ! curl -fs -o /dev/null --noproxy '*' -m 5 "http://$registry/v2/"; then
  echo "conformance: no registry answers at http://$registry: start the one that has critest's images" >&2
  exit 1
fi
if [ -n "${PARALLEL:-}" ] && ! command -v ginkgo >/dev/null; then
  echo "conformance: critest needs the ginkgo command on PATH to run in parallel" >&2
  exit 1
fi
exec "$here/node_modules/.bin/node" "$here/test/conformance/run.ts" "$critest"
