#!/bin/sh
# The last step of making a guest's root file system: $1 is its directory.
set -eu
cd "$1"
mkdir berth
cat >sbin/guest-init <<'EOF'
#!/bin/sh
# Mounts the disk that berth's tree comes on and leaves all else to the script that lies there. User-Mode Linux has other
# names for the disks.
for disk in /dev/ubd?; do
  [ -e "$disk" ] && ln -s "$disk" "/dev/vd${disk#/dev/ubd}"
done
mount -t ext4 /dev/vdb /berth
exec /berth/test/guest/inside/init
EOF
chmod +x sbin/guest-init
version=$(ls lib/modules)
# With what reaches the root disk before anything can be loaded from it.
chroot . mktirfs -o /boot/initrd -m no -M no --include-modules=virtio_pci,virtio_blk,crc32c_generic "$version"
mv "boot/vmlinuz-$version" boot/vmlinuz
mv usr/bin/linux.uml boot/
mv usr/lib/uml/modules/* lib/modules/
echo guest >etc/hostname
echo '127.0.0.1 localhost guest' >etc/hosts
echo 00000000000000000000000000000007 >etc/machine-id
mkdir -p etc/systemd/system-preset
echo 'disable *' >etc/systemd/system-preset/00-nothing-by-itself.preset
systemctl --quiet --root . preset-all
