#!/bin/sh
# Copyright The noded Authors.
# SPDX-License-Identifier: Apache-2.0
#
# The first program of the virtual machine, in its initial memory file system, run by busybox: it makes a root that is a copy-on-write view of the
# machine's own, with the modules of this kernel, and lets systemd run there. /shared is a directory that the machine sees too.
set -eu
fail() {
	echo "init.sh: $*"
	poweroff -f
}
trap 'fail "something failed in line $LINENO"' EXIT

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
# In the order in which they need each other.
for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk fuse virtiofs overlay; do
	insmod "/modules/$module.ko"
done
mkdir /machine /shared /memory /node
mount -t virtiofs -o ro machine /machine
mount -t virtiofs shared /shared
mount -t tmpfs -o mode=0755,size=75% memory /memory
mkdir /memory/upper /memory/scratch
mount -t overlay overlay -o lowerdir=/shared/kernel:/machine,upperdir=/memory/upper,workdir=/memory/scratch /node

echo node-v2 >/node/etc/hostname
tr -d - </proc/sys/kernel/random/uuid >/node/etc/machine-id
# What a network needs, and what is there, is not to be had here.
rm -rf /node/etc/resolv.conf /node/etc/fstab /node/usr/sbin/policy-rc.d /node/var/log/journal /node/var/log/pods /node/var/lib/docker \
	/node/var/lib/containerd /node/etc/systemd/system/*.wants /node/etc/systemd/system/*.requires
: >/node/etc/fstab
: >/node/etc/resolv.conf
mkdir -p /node/var/log/journal /node/shared /node/disk /node/etc/systemd/system/multi-user.target.wants \
	/node/etc/systemd/system.conf.d
mount -t tmpfs -o mode=1777 tmp /node/tmp
for unit in getty.target console-getty.service serial-getty@ttyS0.service systemd-networkd.service systemd-networkd.socket \
	systemd-resolved.service systemd-timesyncd.service systemd-firstboot.service systemd-repart.service systemd-pcrphase.service \
	systemd-pcrphase-sysinit.service systemd-tmpfiles-clean.timer remote-fs.target dev-hugepages.mount networking.service; do
	ln -sfn /dev/null "/node/etc/systemd/system/$unit"
done
# As distributions of today have it.
printf '[Manager]\nDefaultCPUAccounting=yes\nDefaultIOAccounting=yes\nDefaultMemoryAccounting=yes\nDefaultTasksAccounting=yes\n' \
	>/node/etc/systemd/system.conf.d/accounting.conf
cp /shared/test.service /node/etc/systemd/system/test.service
ln -s ../test.service /node/etc/systemd/system/multi-user.target.wants/test.service
mount --move /shared /node/shared
umount /proc /sys
mount --move /dev /node/dev
trap - EXIT
exec switch_root /node /lib/systemd/systemd
