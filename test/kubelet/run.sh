#!/bin/sh
# make kubelet KUBELET=<kubelet>: a kubelet 1.34 or newer on daemons of its own. The binary is made elsewhere; docs/kubelet.md
# tells what is looked at.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
kubelet=${1:-}
if [ -z "$kubelet" ] || [ ! -x "$kubelet" ]; then
  echo "kubelet: there is none: build cmd/kubelet of kubernetes/kubernetes (1.36), then, as root," >&2
  echo "  make kubelet KUBELET=/path/to/kubelet [RUNTIME=runc|crun] [GATES=EventedPLEG=true,…] [LOG=/path/for/logs]" >&2
  exit 1
fi
exec "$here/node_modules/.bin/node" --disable-warning=ExperimentalWarning "$here/test/kubelet/run.ts" "$kubelet"
