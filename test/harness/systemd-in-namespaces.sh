#!/bin/sh
# systemd-in-namespaces.sh DIRECTORY: runs systemd as the first program of namespaces and of a cgroup of its own, with the host's
# files but for /run and /dev, and of the host's units those alone that a service needs. Its console is DIRECTORY/console.
set -eu
directory=$1
group=/sys/fs/cgroup/unified/berth-systemd-$$
[ -d /sys/fs/cgroup/unified ] || group=/sys/fs/cgroup/berth-systemd-$$
mkdir "$group"
echo "$group" >"$directory/cgroup"
echo $$ >"$group/cgroup.procs"
: >"$directory/console"
exec unshare --mount --pid --cgroup --ipc --uts --fork --kill-child --propagation private sh -euc '
directory=$1
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
umount --recursive /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /run/dev/pts /run/dev/shm /run/dev/mqueue /run/systemd/system
for device in null zero full random urandom tty fuse; do
  [ ! -e /dev/$device ] || { : >/run/dev/$device; mount --bind /dev/$device /run/dev/$device; }
done
mount --bind /dev/pts /run/dev/pts
mount -t tmpfs tmpfs /run/dev/shm
ln -s /proc/self/fd /run/dev/fd
ln -s pts/ptmx /run/dev/ptmx
: >/run/dev/console
mount --bind "$directory/console" /run/dev/console
mount --rbind /run/dev /dev
# It raises these for the whole host.
for limit in net/unix/max_dgram_qlen fs/file-max fs/nr_open; do
  cat /proc/sys/$limit >/run/$(basename $limit)
  mount --bind /run/$(basename $limit) /proc/sys/$limit
done
mkdir /run/systemd/journald.conf.d
printf "[Journal]\nStorage=volatile\n" >/run/systemd/journald.conf.d/storage.conf
mount --make-rshared /
cd /lib/systemd/system
cp basic.target local-fs.target multi-user.target network.target shutdown.target sockets.target sysinit.target \
  systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket /run/systemd/system/
mkdir /run/systemd/system/multi-user.target.wants
ln -s ../systemd-journald.service /run/systemd/system/multi-user.target.wants/
exec env -i container=berth-test SYSTEMD_UNIT_PATH=/run/systemd/system PATH="$PATH" HOME=/root \
  /lib/systemd/systemd --system --unit=multi-user.target --log-target=journal --show-status=no
' sh "$directory"
