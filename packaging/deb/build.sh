#!/bin/sh
# build.sh PACKAGES: makes a Debian package of berth for this machine's architecture, which needs PACKAGES, and prints its name.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
packages=$1
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$here/package.json")
architecture=$(dpkg --print-architecture)
output=$here/.berth/berth_${version}_${architecture}.deb
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 755 "$tree"

"$here/packaging/install/install.sh" "$tree" /usr >/dev/null
mkdir -p "$tree/DEBIAN" "$tree/etc/berth/certs.d" "$tree/usr/share/doc/berth"
cp "$here/packaging/config.toml" "$tree/etc/berth/config.toml"
cat >"$tree/usr/share/doc/berth/copyright" <<COPYRIGHT
berth may be used under the Apache License 2.0: /usr/share/common-licenses/Apache-2.0.
The packages that it is made of lie in /usr/lib/berth/releases, each with its own licence.
COPYRIGHT
for script in postinst prerm postrm; do cp "$here/packaging/deb/$script" "$tree/DEBIAN/$script"; done
chmod 755 "$tree/DEBIAN/postinst" "$tree/DEBIAN/prerm" "$tree/DEBIAN/postrm"
echo /etc/berth/config.toml >"$tree/DEBIAN/conffiles"
cat >"$tree/DEBIAN/control" <<CONTROL
Package: berth
Version: $version
Architecture: $architecture
Maintainer: berth <root@localhost>
Section: admin
Priority: optional
Installed-Size: $(du -sk "$tree" | cut -f1)
Depends: $(echo "$packages" | sed 's/  */, /g'), init-system-helpers, passwd
Recommends: apparmor
Suggests: criu
Description: container runtime for Kubernetes nodes
 berth runs pods for a kubelet by the Container Runtime Interface, with crun or
 runc under conmon. Containers run on while it is stopped, upgraded or killed.
CONTROL
mkdir -p "$(dirname "$output")"
dpkg-deb --root-owner-group -Zzstd --build "$tree" "$output" >/dev/null
echo "$output"
