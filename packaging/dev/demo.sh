#!/bin/sh
# make run (up) and make stop (down): a daemon, an image made here, a pod from it, and a look at each.
# Every path can be set, so that several checkouts can each have their own.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
berth=${BERTH_DEMO_COMMAND:-$here/bin/berth}
root=${BERTH_DEMO_ROOT:-/var/lib/berth}
state=${BERTH_DEMO_STATE:-/run/berth}
bridge=${BERTH_DEMO_BRIDGE:-berth0}
subnet=${BERTH_DEMO_SUBNET:-10.88.44.0/24}
demo=$root/demo
image=localhost/berth-demo:1
name=demo
export BERTH_CONFIG="$demo/config.toml"

fail() {
  echo "make run: $*" >&2
  exit 1
}

show() {
  printf '\n$ berth %s\n' "$*"
  "$berth" "$@"
}

answers() {
  "$berth" version >/dev/null 2>&1
}

configure() {
  mkdir -p "$demo/net.d"
  cat >"$demo/config.toml" <<CONFIG
root = "$root"
state = "$state"

[network]
confDir = "$demo/net.d"

[nri]
socketPath = "$state/nri.sock"
CONFIG
  [ -e "$demo/net.d/10-demo.conflist" ] || cat >"$demo/net.d/10-demo.conflist" <<CONFLIST
{
  "cniVersion": "1.0.0",
  "name": "berth-demo",
  "plugins": [
    {
      "type": "bridge", "bridge": "$bridge", "isGateway": true, "ipMasq": true, "hairpinMode": true,
      "ipam": {
        "type": "host-local", "dataDir": "$demo/leases",
        "ranges": [[{ "subnet": "$subnet" }]], "routes": [{ "dst": "0.0.0.0/0" }]
      }
    },
    { "type": "portmap", "capabilities": { "portMappings": true }, "snat": true }
  ]
}
CONFLIST
}

start_daemon() {
  if answers; then
    echo "The daemon is running already."
    return
  fi
  setsid "$berth" serve </dev/null >>"$demo/daemon.log" 2>&1 &
  pid=$!
  echo "$pid" >"$demo/daemon.pid"
  tries=0
  until answers; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ] || ! kill -0 "$pid" 2>/dev/null; then
      tail -n 20 "$demo/daemon.log" >&2
      fail "the daemon did not start; its log is $demo/daemon.log"
    fi
    sleep 0.1
  done
  echo "The daemon runs: pid $pid, log $demo/daemon.log"
}

make_image() {
  if ! "$berth" images -q localhost/berth-demo | grep -q .; then
    "$here/node_modules/.bin/node" "$here/packaging/dev/demo-image.ts" "$demo/image.tar" "$image"
    show import "$demo/image.tar"
    rm -f "$demo/image.tar"
  fi
  show images
}

run_pod() {
  if "$berth" ps -q --name "$name" | grep -q .; then
    printf '\nThe pod "%s" is running already.\n' "$name"
    return
  fi
  "$berth" rm -f "$name" >/dev/null 2>&1 || true
  show run --detach --name "$name" "$image"
}

look() {
  address=$("$berth" inspect --type pod "$name" | sed -n 's/^addresses  *\([^, ]*\).*/\1/p')
  [ -n "$address" ] || fail "the pod has no address"
  printf '\n$ curl http://%s/\n' "$address"
  curl --silent --show-error --fail --noproxy '*' --max-time 5 --retry 20 --retry-connrefused --retry-delay 1 \
    "http://$address/" || fail "the pod does not answer"
  show logs "$name"
  show ps
  show exec "$name" ps
  show inspect "$name"
}

say_more() {
  cat <<MORE

Go on with (as root, in $here):
  export BERTH_CONFIG=$BERTH_CONFIG
  bin/berth --help
  bin/berth run --rm $image echo hello
  bin/berth logs -f $name
  bin/berth stop $name && bin/berth rm $name
  bin/berth doctor --leaks
Stop all of it with: make stop
MORE
}

daemon_pid() {
  pid=$(cat "$demo/daemon.pid" 2>/dev/null) || return 1
  tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q "berth.* serve" && echo "$pid"
}

down() {
  if [ -e "$demo/config.toml" ] && answers; then
    "$berth" rm --force --all
  fi
  if pid=$(daemon_pid); then
    kill "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
    echo "stopped the daemon"
  fi
  rm -f "$demo/daemon.pid"
  ip link delete "$bridge" 2>/dev/null || true
  # The group that held the pods' groups; it stays where another daemon still has pods in it.
  rmdir /sys/fs/cgroup/*/berth /sys/fs/cgroup/berth 2>/dev/null || true
  echo "The images stay in $root."
}

[ "$(id -u)" = 0 ] || fail "needs root: run it with sudo"
case ${1:-} in
  up)
    configure
    start_daemon
    make_image
    run_pod
    look
    say_more
    ;;
  down) down ;;
  *) fail "usage: demo.sh up|down" ;;
esac
