# SPDX-License-Identifier: GPL-2.0-or-later
# Each folder with something to build has a build.mk, which adds to these.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
# What a chain of rules has made is kept.
.SECONDARY:
MAKEFLAGS += --no-print-directory

BUILD ?= build
PREFIX ?= /usr
CFLAGS ?= -O2 -g
# make test and the static checks set it to -Werror; no warning is an error for a packager's compiler.
WERROR ?=
BASE_CFLAGS = -std=c17 -D_GNU_SOURCE -Wall -Wextra $(WERROR) -Iuserspace/shared/include \
	-Idriver/uapi -I. -MMD -MP
ASAN_CFLAGS := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

# The stock kernels that the driver and the end-to-end tests are about.
KERNELS := 6.1 6.12
KERNEL ?= $(KERNELS)
# An older and a newer one, with a Debian of their own around them, and all in order of age.
OTHER_KERNELS := 5.10 7.2
MATRIX := 5.10 6.1 6.12 7.2
# The kernels that guests can be made for; the last is our own: see tests/kernel.
E2E_KERNELS := $(MATRIX) sanitizer
# $(call kernel-release,6.12): the newest of that series whose headers are installed.
kernel-release = $(notdir $(patsubst %/build,%,$(lastword $(shell \
	ls -d /lib/modules/$(1).*-cloud-amd64/build 2>/dev/null | sort -V))))

all:

help:
	@echo 'sudo make deps    install what is needed to build and test (apt-get)'
	@echo 'make              build the driver, for the kernels $(KERNELS), and user space'
	@echo 'make demo         boot a guest, log users on, and log them off from its host'
	@echo 'make test         check, unit, matrix, fuzz, kunit, e2e and e2e-faults, and one closing line'
	@echo 'make check        static checks'
	@echo 'make format       give user space and tests the form that make check wants'
	@echo 'make unit         unit tests'
	@echo 'make kunit        KUnit suites of the driver, on the sanitizer kernel'
	@echo 'make e2e          end-to-end tests in guests [KERNEL=5.10|6.1|6.12|7.2|sanitizer]'
	@echo 'make e2e-faults   what can go wrong, in every state of a request [KERNEL=]'
	@echo 'make e2e-hostile  storms of hostile packets [KERNEL=] [SEED=] [PACKETS=100000]'
	@echo 'make fuzz         have the fuzzers search for mistakes in the parsers [SECONDS=60]'
	@echo 'make matrix       build the driver for the kernels $(MATRIX), with all warnings'
	@echo 'make size         how much the driver is, beside hv_utils'
	@echo 'make install      install user space, and the driver for the running kernel'
	@echo '                  [DESTDIR=] [PREFIX=/usr] [KDIR=]'
	@echo 'make clean        remove $(BUILD)/'

# Every object is built twice at most: as shipped, and for the tests with ASan and UBSan.
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) $(CPPFLAGS) -c -o $@ $<
$(BUILD)/asan/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(ASAN_CFLAGS) $(CPPFLAGS) -c -o $@ $<

include $(wildcard driver/build.mk userspace/*/build.mk tests/*/build.mk)
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

DEPS := gcc g++ libc6-dev make pkg-config acpica-tools qemu-system-x86 mmdebstrap debian-archive-keyring \
	cpio lz4 xz-utils kmod uidmap python3 libsystemd-dev libkmod-dev libjansson-dev libcmocka-dev \
	libpam0g-dev dbus-daemon linux-headers-cloud-amd64 \
	linux-headers-6.12-cloud-amd64 linux-source-6.12 flex bison bc libelf-dev libssl-dev \
	sparse clang clang-format clang-tidy libclang-rt-dev llvm cppcheck shellcheck perl

deps:
	apt-get update
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(DEPS)

# Where KVM can't do it an outer machine is needed, and this is its kernel.
outer-root = HVHOST_OUTER_ROOT=$$(tests/kernel/stock.sh $(call kernel-release,6.12))

demo: $(BUILD)/hvhost $(BUILD)/guest-6.12.img
	$(outer-root) tests/demo/demo.sh $(BUILD) $(BUILD)/kernel-6.12/vmlinuz $(BUILD)/guest-6.12.img

check: all $(BUILD)/tests/unit/layout.h
	tests/check/check.sh $(BUILD)

format:
	find userspace tests -name '*.[ch]' -exec clang-format -i {} +

e2e: $(KERNEL:%=e2e-%)
# One after the other: a guest's host is two busy processors.
e2e-6.12: | $(filter e2e-6.1,$(KERNEL:%=e2e-%))
$(E2E_KERNELS:%=e2e-%): e2e-%: $(BUILD)/hvhost $(BUILD)/guest-%.img $(BUILD)/vmbus-%.img
	$(outer-root) tests/e2e/run.py --build $(BUILD) --kernel $* $(CASES)

# Every event in every state of a request; see docs/faults.md.
e2e-faults: $(KERNEL:%=faults-%)
$(E2E_KERNELS:%=faults-%): faults-%: $(BUILD)/hvhost $(BUILD)/guest-%.img
	$(outer-root) tests/e2e/run.py --build $(BUILD) --kernel $* --faults $(CASES)

# Storms of packets that no host sends, from one seed.
e2e-hostile: $(KERNEL:%=hostile-%)
$(E2E_KERNELS:%=hostile-%): hostile-%: $(BUILD)/hvhost $(BUILD)/guest-%.img
	$(outer-root) tests/e2e/hostile.py --build $(BUILD) --kernel $* $(SEED:%=--seed %) \
		$(PACKETS:%=--packets %)

# A suite that fails doesn't keep the others from running. One kernel has all of the end-to-end
# cases here, the others what touches most in the least time; make e2e has all on each.
test: export WERROR = -Werror
test:
	@rm -rf $(BUILD)/results; failed=; \
	$(MAKE) all || failed=1; \
	for suite in check unit matrix "fuzz SECONDS=27" kunit "e2e KERNEL=6.1" \
			"e2e KERNEL=6.12 CASES='core processors vmbus'" \
			"e2e-faults KERNEL=6.12 CASES=quick" "e2e KERNEL=sanitizer CASES=core"; do \
		eval $(MAKE) -k "$$suite" || failed=1; \
	done; \
	tests/summary $(BUILD)/results check unit matrix fuzz kunit e2e-6.1 e2e-6.12 faults-6.12 \
		e2e-sanitizer || failed=1; \
	[[ -z $$failed ]]

clean:
	rm -rf $(BUILD)

.PHONY: all help deps demo check format unit e2e $(E2E_KERNELS:%=e2e-%) \
	e2e-faults $(E2E_KERNELS:%=faults-%) e2e-hostile $(E2E_KERNELS:%=hostile-%) test install clean
