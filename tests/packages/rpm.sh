#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# rpm.sh BUILD: builds the RPM packages with Debian's rpmbuild, and reads them. Nothing is installed,
# and none of it has run on Fedora or RHEL. Writes TAP to standard output and to BUILD/results/rpm.tap.
# The packages are kept in BUILD/rpm/RPMS.
set -euo pipefail

build=$(realpath "${1:?}")
here=$(dirname "$(realpath "$0")")
source=$(realpath "$here/../..")
top=$build/rpm
release=$(sed -n 's/^#define RELEASE "\(.*\)"/\1/p' "$source/userspace/shared/release.h")
packages=(hv-logoff hv-logoff-dkms libvmguestos libvmguestos-devel vmlogoff)
if ! command -v rpmbuild >/dev/null; then
	echo "rpm.sh: rpmbuild is missing: run 'sudo make deps-packages'" >&2
	exit 1
fi

mkdir -p "$build/results"
exec > >(tee "$build/results/rpm.tap")
# shellcheck source=../tap.sh
. "$here/../tap.sh"

# Prints the file of a package.
rpm_of() {
	find "$top/RPMS" -name "$1-$release-*.rpm"
}

# rpmbuild fails if a file is installed that no list has, or the other way round.
build_packages() {
	rm -rf "$top"
	mkdir -p "$top/SOURCES"
	git -C "$source" ls-files -z | tar -c -C "$source" --null --files-from=- \
		--transform="s|^|hv-logoff-$release/|" -zf "$top/SOURCES/hv-logoff-$release.tar.gz" || return
	[[ $(rpm --eval '%{_unpackaged_files_terminate_build}') == 1 ]] || return
	rpmbuild -bb --nodeps --define "_topdir $top" --load "$here/rpm-macros" \
		"$source/packaging/hv-logoff.spec"
}

# The same split as Debian's.
check_packages() {
	diff <(printf '%s\n' "${packages[@]}") \
		<(find "$top/RPMS" -name '*.rpm' -exec rpm -qp --qf '%{NAME}\n' {} + | LC_ALL=C sort)
}

# A macro that is not defined stays in the text as it is.
check_scriptlets() {
	local name part script
	for name in "${packages[@]}"; do
		for part in PREIN POSTIN PREUN POSTUN PRETRANS POSTTRANS; do
			script=$(rpm -qp --qf "%{$part}" "$(rpm_of "$name")") || return
			[[ $script != '(none)' ]] || continue
			printf '%s %s:\n%s\n' "$name" "$part" "$script"
			[[ $script != *%* ]] || return
			sh -n <<<"$script" || return
		done
	done
	rpm -qp --qf '%{PREUN}' "$(rpm_of hv-logoff)" | grep 'disable --now hv-logoffd.service' || return
	rpm -qp --qf '%{PREUN}' "$(rpm_of hv-logoff)" | grep 'hv-logoffd --withdraw' || return
	rpm -qp --qf '%{POSTIN}' "$(rpm_of hv-logoff-dkms)" | grep "dkms add -m hv-logoff -v $release"
}

check_files() {
	local name files
	for name in "${packages[@]}"; do
		files=$(rpm -qpl "$(rpm_of "$name")") || return
		printf '%s:\n%s\n' "$name" "$files"
		[[ $files != *%* ]] || return
	done
	diff <(printf '/etc/%s\n' hv-logoff/hv-logoffd.conf xdg/autostart/hv-logoff-notifier.desktop) \
		<(rpm -qpc "$(rpm_of hv-logoff)") || return
	rpm -qpl "$(rpm_of hv-logoff)" | grep -x /usr/lib/systemd/system/hv-logoffd.service || return
	rpm -qpl "$(rpm_of hv-logoff-dkms)" | grep -x "/usr/src/hv-logoff-$release/dkms.conf"
}

check 'RPM: rpmbuild' build_packages
check 'RPM: the packages' check_packages
check 'RPM: the scriptlets' check_scriptlets
check 'RPM: the lists of files' check_files
plan
