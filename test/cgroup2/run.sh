#!/bin/sh
# Copyright The noded Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Boots a virtual machine with cgroup v2 and systemd on a copy-on-write view of this machine's root, runs SHARED/test in it, prints what that
# writes and exits as it does. It must be in mount and process namespaces of its own, with which all that it starts ends. SHARED is /shared there, KERNEL
# what "dpkg -x" made of a kernel's package.
# Usage: run.sh KERNEL SHARED
set -eu
kernel=$1 shared=$2
here=$(dirname "$0")
virtiofsd=/usr/lib/qemu/virtiofsd # of Debian 12
for program in qemu-system-x86_64 busybox depmod cpio "$virtiofsd" mkfs.ext4 mkswap; do
	if ! command -v "$program" >/dev/null; then
		echo "test/cgroup2: there is no $program, which the virtual machine needs: run test/deps.sh cgroup2" >&2
		exit 1
	fi
done
if [ "$(id -u)" -ne 0 ]; then
	echo "test/cgroup2: the virtual machine sees the root directory of this one, which needs root" >&2
	exit 1
fi
if ! [ -d "$kernel/boot" ]; then
	echo "test/cgroup2: there is no kernel in $kernel: run test/deps.sh cgroup2" >&2
	exit 1
fi
release=$(basename "$kernel"/boot/vmlinuz-*)
release=${release#vmlinuz-}

work=$(mktemp -d)
children=
# shellcheck disable=SC2317 # trap calls it
clean() {
	for pid in $children; do
		kill "$pid" 2>/dev/null || :
	done
	umount -l "$work/machine" 2>/dev/null || :
	rm -rf --one-file-system "$work"
}
trap clean EXIT
trap 'exit 1' TERM INT HUP

# The modules, where this machine has them.
mkdir -p "$shared/kernel/usr/lib/modules"
cp -r "$kernel/lib/modules/$release" "$shared/kernel/usr/lib/modules/"
ln -sfn usr/lib "$shared/kernel/lib"
depmod -b "$shared/kernel" "$release"
rm "$shared/kernel/lib"

mkdir -p "$work/init/bin" "$work/init/modules" "$work/init/proc" "$work/init/sys" "$work/init/dev"
cp "$(command -v busybox)" "$work/init/bin/"
"$work/init/bin/busybox" --install -s "$work/init/bin"
for link in "$work"/init/bin/*; do
	[ ! -L "$link" ] || ln -sfn busybox "$link"
done
for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk fuse virtiofs overlay; do
	find "$kernel/lib/modules/$release" -name "$module.ko" -exec cp {} "$work/init/modules/" \;
done
cp "$here/init.sh" "$work/init/init"
chmod 755 "$work/init/init"
(cd "$work/init" && find . | cpio --quiet -o -H newc | gzip -1) >"$work/initrd"

cat >"$shared/test.service" <<'UNIT'
[Unit]
Description=What is run in the virtual machine
After=multi-user.target
[Service]
Type=oneshot
TimeoutStartSec=infinity
Environment=HOME=/root
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS1
ExecStart=/bin/sh -c '/shared/test; echo $? >/shared/status; sync'
ExecStopPost=/bin/systemctl poweroff --force --no-block
UNIT
rm -f "$shared/status"

# Only the root itself, read-only: what is mounted below it is not for the virtual machine.
mkdir "$work/machine"
mount --make-rprivate /
mount --bind / "$work/machine"
mount -o remount,bind,ro "$work/machine"
"$virtiofsd" --socket-path="$work/machine.socket" -o source="$work/machine" -o cache=always -o sandbox=chroot -f >"$work/machine.log" 2>&1 &
children="$children $!"
"$virtiofsd" --socket-path="$work/shared.socket" -o source="$shared" -o cache=auto -o sandbox=chroot -f >"$work/shared.log" 2>&1 &
children="$children $!"

truncate -s 1G "$work/disk"
mkfs.ext4 -q "$work/disk"
truncate -s 512M "$work/swap"
chmod 600 "$work/swap"
mkswap "$work/swap" >/dev/null 2>&1
for _ in 1 2 3 4 5 6 7 8 9 10; do
	[ ! -S "$work/machine.socket" ] || [ ! -S "$work/shared.socket" ] || break
	sleep 0.5
done
nice timeout 1h qemu-system-x86_64 -machine pc,memory-backend=memory -accel tcg,thread=multi -cpu max -smp 2 -m 3G \
	-object memory-backend-memfd,id=memory,size=3G,share=on -nodefaults -no-reboot -display none \
	-chardev socket,id=machine,path="$work/machine.socket" -device vhost-user-fs-pci,chardev=machine,tag=machine \
	-chardev socket,id=shared,path="$work/shared.socket" -device vhost-user-fs-pci,chardev=shared,tag=shared \
	-drive if=virtio,format=raw,file="$work/disk",cache=unsafe -drive if=virtio,format=raw,file="$work/swap",cache=unsafe \
	-kernel "$kernel/boot/vmlinuz-$release" -initrd "$work/initrd" \
	-append "console=ttyS0 quiet panic=-1 psi=1 transparent_hugepage=never mitigations=off systemd.unified_cgroup_hierarchy=1 systemd.show_status=1" \
	-serial file:"$shared/console" -serial stdio </dev/null &
qemu=$!
children="$children $qemu"
wait "$qemu" || :
if [ ! -s "$shared/status" ]; then
	echo "test/cgroup2: the virtual machine ended without a result; its console says:" >&2
	tail -n 60 "$shared/console" >&2 || :
	cat "$work"/*.log >&2
	exit 1
fi
exit "$(cat "$shared/status")"
