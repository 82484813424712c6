# SPDX-License-Identifier: GPL-2.0-only
# The module, out of tree, for each kernel. Any warning is an error.

DRIVER_SOURCES := driver/Kbuild $(wildcard driver/*.[ch] driver/uapi/linux/*.h)
KDIR ?= /lib/modules/$(shell uname -r)/build

# kbuild writes beside the sources: each kernel gets a copy of them.
$(BUILD)/driver-%/hv_logoff.ko: $(DRIVER_SOURCES) | $(BUILD)/kernel-%
	@mkdir -p $(@D)
	cp -ru driver/. $(@D)/
	tests/kernel/kbuild.sh $(BUILD)/kernel-$* $(@D) W=1 modules 2>&1 | tee $(@D)/build.log
	@! grep -i 'warning:' $(@D)/build.log | grep -v 'the compiler differs from'

all: $(KERNELS:%=$(BUILD)/driver-%/hv_logoff.ko)

install-driver:
	@mkdir -p $(BUILD)/driver-install
	cp -ru driver/. $(BUILD)/driver-install/
	$(MAKE) -C $(KDIR) M=$(abspath $(BUILD)/driver-install) modules
	$(MAKE) -C $(KDIR) M=$(abspath $(BUILD)/driver-install) \
		INSTALL_MOD_PATH=$(DESTDIR) modules_install

install: install-driver

.PHONY: install-driver
