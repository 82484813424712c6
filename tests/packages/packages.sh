#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# packages.sh BUILD [RELEASE]: builds the Debian packages in a clean Debian system, and installs,
# upgrades, removes and purges them there. Writes TAP to standard output and to
# BUILD/results/packages-RELEASE.tap. The packages are kept in BUILD/packages-RELEASE.
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
debs=$build/packages-$release
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
installed=(hv-logoff hv-logoff-dkms libvmguestos1 libvmguestos-dev vmlogoff)

mkdir -p "$build/results"
exec > >(tee "$build/results/packages-$release.tap")
# shellcheck source=../tap.sh
. "$here/../tap.sh"
# shellcheck source=system.sh
. "$here/system.sh"

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

# Without the initial changes of a package that is not in Debian, and without notes. The version of
# Debian 11 fails for notes of the level info also when it does not display them. It looks for programs
# with a page in /usr/bin and /usr/sbin only: it finds none for the page of the notifier, and does not
# use our override.
check_lintian() {
	local options=--suppress-tags=initial-upload-closes-no-bugs
	[[ $release != bullseye ]] || options+=',spare-manual-page,unused-override --display-info'
	inside "lintian --allow-root --pedantic --fail-on=error,warning,info,pedantic \
		$options /build/*.changes"
}

control_file() {
	dpkg-deb --ctrl-tarfile "$debs/hv-logoff"_*.deb | tar -xO "./$1"
}

# debhelper writes no such script if the unit is not in the folder where it looks for units.
check_scripts() {
	control_file postinst | grep 'udevadm trigger' || return
	# Before an upgrade, the daemon is not stopped.
	! control_file preinst | grep 'deb-systemd-invoke stop' || return
	control_file prerm | grep 'deb-systemd-invoke stop hv-logoffd.service' || return
	control_file postrm | grep 'systemctl --system daemon-reload' || return
	control_file conffiles | diff - <(printf '%s\n' \
		/etc/hv-logoff/hv-logoffd.conf /etc/xdg/autostart/hv-logoff-notifier.desktop) || return
	dpkg-deb -c "$debs/hv-logoff"_*.deb |
		grep -F ".$(inside 'pkg-config --variable=systemdsystemunitdir systemd' 2>/dev/null)/hv-logoffd.service"
}

install_packages() {
	inside 'apt-get -y install /build/hv-logoff_*.deb /build/hv-logoff-dkms_*.deb \
		/build/libvmguestos1_*.deb /build/libvmguestos-dev_*.deb /build/vmlogoff_*.deb
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

# The tests that autopkgtest runs, too.
check_programs() {
	inside '/build/hv-logoff/debian/tests/programs; /build/hv-logoff/debian/tests/library'
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
		rm -r /var/lib/hyperv' || return
	list_files | diff "$work/before" -
}

unpack_system "packages for Debian $release"
rm -rf "$debs"
mkdir -p "$debs"
list_files >"$work/before"
check "Debian $release: the packages build" build_packages
check "Debian $release: lintian" check_lintian
check "Debian $release: the scripts of hv-logoff" check_scripts
check "Debian $release: installation" install_packages
check "Debian $release: DKMS builds the module for the installed headers" check_dkms
check "Debian $release: the tests in debian/tests" check_programs
check "Debian $release: upgrade and downgrade keep the configuration" check_upgrade
check "Debian $release: purging leaves nothing behind" check_purge
plan
