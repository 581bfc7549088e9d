#!/bin/sh
# What `unshare` starts in new mount, pid, ipc, uts and net namespaces; becomes the machine's process 1.
#
#   boot.sh LOWER LAYER CGROUP CONSOLE
#
# LOWER: the base. LAYER: a folder for upper, work and root. CGROUP: a name for the machine's control group. CONSOLE: a file.
set -eu
lower=$1 layer=$2 cgroup=$3 console=$4
root=$layer/root

mount -t overlay overlay -o "lowerdir=$lower,upperdir=$layer/upper,workdir=$layer/work" "$root"
mount -t proc proc "$root/proc"
# The kernel's settings are the real machine's, but for those of the network, which are the namespace's.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
mount -o remount,bind,ro "$root/proc/sys"
# Read-only: no device of the real machine is touched, and udev, which would, does not start (systemd.unit(5)).
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"

# A control group of its own below the root of the tree, which then is the root of what the machine sees.
mount -t cgroup2 cgroup2 "$root/mnt"
mkdir "$root/mnt/$cgroup"
echo 0 >"$root/mnt/$cgroup/cgroup.procs"
umount "$root/mnt"

hostname host
# shellcheck disable=SC2016  # the inner shell's variables
exec unshare --cgroup sh -c '
  mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup"
  cd "$1"
  exec env -i container=roamd-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    setpriv --bounding-set=-sys_module,-sys_time,-syslog,-sys_boot \
    chroot "$1" /lib/systemd/systemd --system --log-target=console --show-status=no systemd.unified_cgroup_hierarchy=1
' sh "$root" >>"$console" 2>&1
