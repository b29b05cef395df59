#!/bin/sh
# install.sh DESTDIR PREFIX: puts berth into PREFIX/lib/berth, its command into PREFIX/bin and what completes it in shells
# into PREFIX/share, all below DESTDIR.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
destination=$1
prefix=${2:-/usr/local}
tree=$destination$prefix/lib/berth
mkdir -p "$destination$prefix/bin" "$destination$prefix/lib"
"$here/node_modules/.bin/node" --disable-warning=ExperimentalWarning "$here/packaging/install/install-tree.ts" "$tree"
# A copy, not a link: it need not find out where it lies.
rm -f "$destination$prefix/bin/berth"
cp "$tree/bin/berth" "$destination$prefix/bin/berth"
for shell in bash:bash-completion/completions/berth zsh:zsh/site-functions/_berth \
  fish:fish/vendor_completions.d/berth.fish; do
  script=$destination$prefix/share/${shell#*:}
  mkdir -p "$(dirname -- "$script")"
  "$tree/bin/berth" completion "${shell%%:*}" >"$script"
done
echo "installed $destination$prefix/bin/berth"
