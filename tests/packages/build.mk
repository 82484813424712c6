# SPDX-License-Identifier: GPL-2.0-or-later
# The Debian release of the packages that make packages builds and installs.
RELEASES ?= bookworm
ALL_RELEASES := bullseye bookworm trixie sid

DEPS_PACKAGES := autodep8 autopkgtest rpm systemd-container

deps-packages:
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(DEPS_PACKAGES)

packages:
	@failed=; for release in $(RELEASES); do \
		tests/packages/packages.sh $(BUILD) $$release || failed=1; done; [[ -z $$failed ]]

packages-all:
	@failed=; $(MAKE) packages RELEASES="$(ALL_RELEASES)" || failed=1; \
	tests/summary $(BUILD)/results $(ALL_RELEASES:%=packages-%) || failed=1; [[ -z $$failed ]]

reproducible:
	tests/packages/reproducible.sh $(BUILD)

autopkgtest:
	tests/packages/autopkgtest.sh $(BUILD)

rpm:
	tests/packages/rpm.sh $(BUILD)

# Guests in which apt has installed the packages and DKMS has built the driver, and a container.
dkms: packages $(BUILD)/hvhost $(BUILD)/tests/guest/agent $(BUILD)/tests/guest/open-session
	@failed=; for release in $(RELEASES); do \
		$(outer-root) tests/e2e/packages.py --build $(BUILD) --release $$release $(CASES) || \
			failed=1; done; [[ -z $$failed ]]

.PHONY: deps-packages packages packages-all reproducible autopkgtest rpm dkms
