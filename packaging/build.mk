# SPDX-License-Identifier: GPL-2.0-or-later

# The release: see packaging/dist.sh.
dist: userspace
	packaging/dist.sh $(BUILD) $(RELEASE)

.PHONY: dist
