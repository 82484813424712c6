#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# packages.sh BUILD [RELEASE]: builds the Debian packages in a clean Debian system, and installs,
# upgrades, removes and purges them there. Writes TAP to standard output and to
# BUILD/results/packages-RELEASE.tap. The packages are kept in BUILD/packages-RELEASE.
#
# The Debian system is made once and kept in the cache, under a name derived from make_system() and
# from the packages' build dependencies. systemd does not run in it: see docs/testing.md.
# shellcheck disable=SC2016 # commands for the shell inside the system
set -euo pipefail

if ((EUID != 0)); then
	echo "packages.sh: installing packages needs root: run 'sudo make packages'" >&2
	exit 1
fi
build=$(realpath "${1:?}")
release=${2:-bookworm}
here=$(dirname "$(realpath "$0")")
source=$(realpath "$here/../..")
# shellcheck source=../mirror.sh
. "$here/../mirror.sh"
debs=$build/packages-$release
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
installed=(hv-logoff hv-logoff-dkms libvmguestos1 libvmguestos-dev vmlogoff)

mkdir -p "$build/results" "$cache"
exec > >(tee "$build/results/packages-$release.tap")
# shellcheck source=../tap.sh
. "$here/../tap.sh"

make_system() {
	local packages=lintian,hyperv-daemons,libpam-systemd,dkms,linux-headers-cloud-amd64
	rm -f "$cache/packages-$release-"*.tar
	mmdebstrap --quiet --variant=buildd --include="$packages" \
		--aptopt='Acquire::Check-Valid-Until "false"' \
		--aptopt='APT::Install-Recommends "false"' \
		--customize-hook="copy-in '$source/debian' /tmp" \
		--customize-hook='chroot "$1" apt-get -y build-dep /tmp' \
		--customize-hook='rm -r "$1/tmp/debian"' \
		--format=tar "$release" "$system.new" - <<<"deb [signed-by=$keyring] $1 $release main" >&2
	mv "$system.new" "$system"
}

unpack_system() {
	rm -rf "$debs"
	mkdir -p "$debs" "$root"
	tar -x -C "$root" --exclude='./dev/*' -f "$system"
	# A daemon that a package starts would run on this machine.
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod 755 "$root/usr/sbin/policy-rc.d"
	mkdir -p "$root/build/hv-logoff"
	git -C "$source" ls-files -z | (cd "$source" && xargs -0 cp -P --parents -t "$root/build/hv-logoff")
	list_files >"$work/before"
}

# The mounts are private to this command, and end with it.
inside() {
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
		unshare --mount --net sh -euc '
		root=$1
		mount --rbind "$root" "$root" # so that / is a mount point
		mount --rbind /dev "$root/dev"
		mount --rbind /proc "$root/proc"
		mount -t tmpfs tmpfs "$root/tmp"
		exec /usr/sbin/chroot "$root" sh -euxc "$2"
	' sh "$root" "$1"
}

# What packages may leave behind: logs, caches, the databases of dpkg, depmod and DKMS's keys.
list_files() {
	(cd "$root" && find . -xdev \( -path ./build -o -path ./proc -o -path ./tmp -o -path ./var/log -o \
		-path ./var/cache -o -path ./var/lib/dpkg -o -path ./var/lib/apt -o \
		-path './usr/lib/modules/*/modules.*' -o -path './var/lib/dkms/mok.*' \) -prune -o -print) |
		LC_ALL=C sort
}

build_packages() {
	inside 'cd /build/hv-logoff; DEB_BUILD_OPTIONS=nocheck dpkg-buildpackage -us -uc -b'
	cp "$root"/build/*.deb "$debs"
}

# Without the initial changes of a package that is not in Debian, and without notes.
check_lintian() {
	inside 'lintian --allow-root --pedantic --fail-on=error,warning,info,pedantic \
		--suppress-tags=initial-upload-closes-no-bugs /build/*.changes'
}

control_file() {
	dpkg-deb --ctrl-tarfile "$debs/hv-logoff"_*.deb | tar -xO "./$1"
}

# debhelper writes no such script if the unit is not in the folder where it looks for units.
check_scripts() {
	control_file postinst | grep 'udevadm trigger'
	control_file prerm | grep 'deb-systemd-invoke stop hv-logoffd.service'
	control_file postrm | grep 'systemctl --system daemon-reload'
	control_file conffiles | diff - <(printf '%s\n' \
		/etc/hv-logoff/hv-logoffd.conf /etc/xdg/autostart/hv-logoff-notifier.desktop)
	dpkg-deb -c "$debs/hv-logoff"_*.deb |
		grep -F ".$(inside 'pkg-config --variable=systemdsystemunitdir systemd' 2>/dev/null)/hv-logoffd.service"
}

install_packages() {
	inside 'apt-get -y install /build/hv-logoff_*.deb /build/hv-logoff-dkms_*.deb \
		/build/libvmguestos1_*.deb /build/libvmguestos-dev_*.deb /build/vmlogoff_*.deb
		hv-logoffd --check
		hv-logoffctl --version
		vmlogoff --help
		test ! -e /etc/systemd/system/multi-user.target.wants/hv-logoffd.service'
}

check_dkms() {
	inside 'dkms status hv-logoff | grep ": installed"
		for headers in /lib/modules/*/build; do
			kernel=$(basename "$(dirname "$headers")")
			modinfo -k "$kernel" -F vermagic hv_logoff | grep -F "$kernel"
			modinfo -k "$kernel" -F alias hv_logoff | grep vmbus:
		done'
}

check_library() {
	inside 'cd /tmp
		printf "#include <vmguestos.h>\nint main(void) { return !VMGuestOS_ErrorName(S_OK); }\n" >program.c
		cc -Wall -Werror -o program program.c $(pkg-config --cflags --libs libvmguestos)
		./program'
}

# An administrator's change is kept, and a later version replaces this one.
check_upgrade() {
	inside 'echo "# changed" >>/etc/hv-logoff/hv-logoffd.conf
		cd /build; mkdir later; dpkg-deb -R hv-logoff_*.deb later
		sed -i "s/^Version: .*/&+later/" later/DEBIAN/control
		dpkg-deb -b later later.deb
		apt-get -y install /build/later.deb
		grep "# changed" /etc/hv-logoff/hv-logoffd.conf
		dpkg-query -W hv-logoff | grep later
		apt-get -y --allow-downgrades install /build/hv-logoff_*.deb
		grep "# changed" /etc/hv-logoff/hv-logoffd.conf'
}

# The items of other programs stay in the pool of KVP.
check_purge() {
	inside 'mkdir -p /var/lib/hyperv /var/lib/hv-logoff
		touch /var/lib/hv-logoff/kvp-journal /var/lib/hyperv/.kvp_pool_3
		for key in HvLogoffAnswer Other; do
			for size in 512 2048; do printf "%-${size}s" "$key" | tr " " "\000"; done
		done >/var/lib/hyperv/.kvp_pool_1
		apt-get -y purge '"${installed[*]}"'
		test -e /var/lib/hyperv/.kvp_pool_3
		test "$(stat -c %s /var/lib/hyperv/.kvp_pool_1)" = 2560
		grep Other /var/lib/hyperv/.kvp_pool_1
		rm -r /var/lib/hyperv'
	list_files | diff "$work/before" -
}

dependencies=$(sed -n '/^Build-Depends:/,/^[^ ]/p' "$source/debian/control")
system=$cache/packages-$release-$(sha256sum <<<"$(declare -f make_system)$dependencies" | cut -c1-16).tar
exec 9>"$cache/packages-$release.lock"
flock 9
if [[ ! -s $system ]]; then
	site=$(find_mirror bookworm)
	if is_missing "$site" "$release"; then
		skip "packages for Debian $release" "$site does not have it"
		plan
		exit
	fi
	make_system "$site" 9>&-
fi
unpack_system
check "Debian $release: the packages build" build_packages
check "Debian $release: lintian" check_lintian
check "Debian $release: the scripts of hv-logoff" check_scripts
check "Debian $release: installation" install_packages
check "Debian $release: DKMS builds the module for the installed headers" check_dkms
check "Debian $release: a program is built with libvmguestos-dev" check_library
check "Debian $release: upgrade and downgrade keep the configuration" check_upgrade
check "Debian $release: purging leaves nothing behind" check_purge
plan
