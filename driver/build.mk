# SPDX-License-Identifier: GPL-2.0-only
# Build the module out of tree for each kernel, with the top-level Kbuild. Any warning is an error.

DRIVER_SOURCES := Kbuild driver/Kbuild $(wildcard driver/*.[ch] driver/uapi/linux/*.h)
# The headers of the running kernel or, if it has none, the newest that are installed.
KDIR ?= $(firstword $(wildcard /lib/modules/$(shell uname -r)/build) \
	$(lastword $(shell ls -d /lib/modules/*/build 2>/dev/null | sort -V)))

# kbuild writes next to the sources, so each kernel gets a copy of them.
copy-driver = mkdir -p $(1); cp -ru Kbuild driver $(1)/

$(BUILD)/driver-%/driver/hv_logoff.ko: $(DRIVER_SOURCES) | $(BUILD)/kernel-%
	$(call copy-driver,$(BUILD)/driver-$*)
	tests/kernel/kbuild.sh $(BUILD)/kernel-$* $(BUILD)/driver-$* W=1 modules 2>&1 | \
		tee $(BUILD)/driver-$*/build.log
	@! grep -i 'warning:' $(BUILD)/driver-$*/build.log | grep -v 'the compiler differs from'

# The sanitizer kernel has the driver, with its KUnit suites, in its tree.
$(BUILD)/driver-sanitizer/driver/hv_logoff.ko: FORCE | $(BUILD)/kernel-sanitizer
	@mkdir -p $(@D)
	tests/kernel/build.sh $(@D)

# The module that is installed. Always run kbuild: it detects whether the kernel has changed.
$(BUILD)/driver-install/driver/hv_logoff.ko: FORCE
	@[[ -e "$(KDIR)/Makefile" ]] || { echo "no kernel headers in '$(KDIR)':" \
		"install linux-headers-$$(uname -r), or run make KDIR=DIR" >&2; exit 1; }
	$(call copy-driver,$(BUILD)/driver-install)
	$(MAKE) -C $(KDIR) M=$(abspath $(BUILD)/driver-install) modules

all: $(BUILD)/driver-install/driver/hv_logoff.ko

install-driver: $(BUILD)/driver-install/driver/hv_logoff.ko
	$(MAKE) -C $(KDIR) M=$(abspath $(BUILD)/driver-install) INSTALL_MOD_PATH=$(DESTDIR) modules_install

install: install-driver

# The sources from which DKMS builds the module for each kernel.
dkms-source = $(DESTDIR)$(PREFIX)/src/hv-logoff-$(RELEASE)
install-dkms:
	install -D -m 644 -t $(dkms-source) Kbuild
	install -D -m 644 -t $(dkms-source)/driver driver/Kbuild $(wildcard driver/*.[ch])
	install -D -m 644 -t $(dkms-source)/driver/uapi/linux driver/uapi/linux/hv_logoff.h
	sed 's/#MODULE_VERSION#/$(RELEASE)/' driver/dkms.conf >$(dkms-source)/dkms.conf

kernel-tree:
	@[[ -n "$(TREE)" ]] || { echo "usage: make kernel-tree TREE=DIR" >&2; exit 1; }
	driver/kernel-tree.sh "$(TREE)"

.PHONY: install-driver install-dkms kernel-tree
