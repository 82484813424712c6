# SPDX-License-Identifier: GPL-2.0-only
# The module, out of tree, for each kernel. Any warning is an error.

DRIVER_SOURCES := driver/Kbuild $(wildcard driver/*.[ch] driver/uapi/linux/*.h)
# The running kernel's headers or, where that one has none, the newest that are installed.
KDIR ?= $(firstword $(wildcard /lib/modules/$(shell uname -r)/build) \
	$(lastword $(shell ls -d /lib/modules/*/build 2>/dev/null | sort -V)))

# kbuild writes beside the sources: each kernel gets a copy of them.
$(BUILD)/driver-%/hv_logoff.ko: $(DRIVER_SOURCES) | $(BUILD)/kernel-%
	@mkdir -p $(@D)
	cp -ru driver/. $(@D)/
	tests/kernel/kbuild.sh $(BUILD)/kernel-$* $(@D) W=1 modules 2>&1 | tee $(@D)/build.log
	@! grep -i 'warning:' $(@D)/build.log | grep -v 'the compiler differs from'

# What is installed. Rebuilt each time: kbuild knows best whether the kernel has changed.
$(BUILD)/driver-install/hv_logoff.ko: FORCE
	@[[ -e "$(KDIR)/Makefile" ]] || { echo "no kernel headers in '$(KDIR)':" \
		"install linux-headers-$$(uname -r), or say make KDIR=FOLDER" >&2; exit 1; }
	@mkdir -p $(@D)
	cp -ru driver/. $(@D)/
	$(MAKE) -C $(KDIR) M=$(abspath $(@D)) modules

all: $(BUILD)/driver-install/hv_logoff.ko

install-driver: $(BUILD)/driver-install/hv_logoff.ko
	$(MAKE) -C $(KDIR) M=$(abspath $(<D)) INSTALL_MOD_PATH=$(DESTDIR) modules_install

install: install-driver

.PHONY: install-driver
