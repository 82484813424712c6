# SPDX-License-Identifier: GPL-2.0-or-later
# The Debian release of the packages that make packages builds and installs.
RELEASES ?= bookworm

packages:
	@for release in $(RELEASES); do tests/packages/packages.sh $(BUILD) $$release; done

DEPS_PACKAGES := rpm

deps-packages:
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(DEPS_PACKAGES)

rpm:
	tests/packages/rpm.sh $(BUILD)

.PHONY: deps-packages packages rpm
