#!/bin/sh
# remove-old-releases.sh LIBRARY: removes releases of berth other than the one that LIBRARY/release names, but for those that
# a program still runs from: it loads parts of them late.
set -eu
library=$1
read -r current <"$library/release"
for release in "$library"/releases/*; do
  [ "$release" != "$library/releases/$current" ] || continue
  ls -l /proc/[0-9]*/exe 2>/dev/null | grep -qF -- "-> $(readlink -f "$release")/" || rm -rf "$release"
done
