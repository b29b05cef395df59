#!/bin/sh
# make conformance CRITEST=<critest>: critest 1.36 against daemons of its own, in a guest if $2 is run-guest (whose options may
# follow). The binary, the images that it needs and the plain-HTTP registry on loopback that has them are made elsewhere:
# docs/conformance.md says how.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
critest=${1:-}
if [ -z "$critest" ] || [ ! -x "$critest" ]; then
  echo "conformance: there is no critest: build it from kubernetes-sigs/cri-tools (1.36), then" >&2
  echo "  make conformance CRITEST=/path/to/critest [IMAGES=images.yaml] [REGISTRY=127.0.0.1:5000] \\" >&2
  echo "    [RUNTIME=runc|crun|HANDLER] [HANDLERS=file.toml] [DRIVER=cgroupfs|systemd] [FOCUS=regexp] [SKIP=regexp] [PARALLEL=n] [LOG=file]" >&2
  exit 1
fi
export REGISTRY="${REGISTRY:-127.0.0.1:5000}"
if [ -z "${REGISTRY_DATA:-}" ] && ! curl -fs -o /dev/null --noproxy '*' -m 5 "http://$REGISTRY/v2/"; then
  echo "conformance: no registry answers at http://$REGISTRY: start the one that has critest's images" >&2
  exit 1
fi
if [ -n "${PARALLEL:-}" ] && ! command -v ginkgo >/dev/null; then
  echo "conformance: critest needs the ginkgo command on PATH to run in parallel" >&2
  exit 1
fi
exec "$here/node_modules/.bin/node" --disable-warning=ExperimentalWarning "$here/test/conformance/${2:-run}.ts" "$@"
