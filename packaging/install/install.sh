#!/bin/sh
# install.sh DESTDIR PREFIX: puts a release of berth into PREFIX/lib/berth, its command into PREFIX/bin, what completes it
# in shells into PREFIX/share and its service into PREFIX/lib/systemd/system, all below DESTDIR.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
destination=$1
prefix=${2:-/usr/local}
library=$destination$prefix/lib/berth
mkdir -p "$destination$prefix/bin" "$library"
"$here/node_modules/.bin/node" --disable-warning=ExperimentalWarning "$here/packaging/install/install-tree.ts" "$library"
read -r release <"$library/release"
tree=$library/releases/$release

# A copy, not a link: it need not find out where it lies.
cp "$tree/bin/berth" "$destination$prefix/bin/.berth.new"
mv "$destination$prefix/bin/.berth.new" "$destination$prefix/bin/berth"
for shell in bash:bash-completion/completions/berth zsh:zsh/site-functions/_berth \
  fish:fish/vendor_completions.d/berth.fish; do
  script=$destination$prefix/share/${shell#*:}
  mkdir -p "$(dirname -- "$script")"
  "$tree/bin/berth" completion "${shell%%:*}" >"$script"
done
units=$destination$prefix/lib/systemd/system
mkdir -p "$units"
sed "s#=/usr/local/#=$prefix/#" "$here/packaging/systemd/berth.service" >"$units/berth.service"

"$here/packaging/install/remove-old-releases.sh" "$library"

if [ -z "$destination" ] && [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  if systemctl --quiet is-active berth.service; then
    echo "berth.service goes on with the release it was started from, until: systemctl restart berth"
  fi
fi
echo "installed $destination$prefix/bin/berth ($release)"
