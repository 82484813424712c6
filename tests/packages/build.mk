# SPDX-License-Identifier: GPL-2.0-or-later
# The Debian release of the packages that make packages builds and installs.
RELEASES ?= bookworm

packages:
	@for release in $(RELEASES); do tests/packages/packages.sh $(BUILD) $$release; done

.PHONY: packages
