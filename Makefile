# SPDX-License-Identifier: GPL-2.0-or-later
# Common definitions and top-level targets. The build.mk of each directory adds its own rules.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
# Keep the intermediate files of chained implicit rules.
.SECONDARY:
MAKEFLAGS += --no-print-directory

# For the files that do not include release.h.
RELEASE := $(shell sed -n 's/^\#define RELEASE "\(.*\)"/\1/p' userspace/shared/release.h)
BUILD ?= build
PREFIX ?= /usr
CFLAGS ?= -O2 -g
# Set to -Werror only by make test and the static checks: a packager's compiler may have warnings
# that ours does not.
WERROR ?=
BASE_CFLAGS = -std=c17 -D_GNU_SOURCE -Wall -Wextra $(WERROR) -Iuserspace/shared/include \
	-Idriver/uapi -I. -MMD -MP
ASAN_CFLAGS := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

# The stock kernels that make e2e tests by default.
KERNELS := 6.1 6.12
KERNEL ?= $(KERNELS)
# An older and a newer kernel, each built in its own Debian root; MATRIX is ordered by age.
OTHER_KERNELS := 5.10 sid
MATRIX := 5.10 6.1 6.12 sid
# Kernels with guest images. The sanitizer kernel is built from source; see tests/kernel.
E2E_KERNELS := $(MATRIX) sanitizer
# The Debian release of the guest's user space in make e2e: bookworm or one of the others.
GUEST ?= bookworm
OTHER_GUESTS := bullseye trixie sid
guest-suffix = $(addprefix -,$(filter-out bookworm,$(GUEST)))
# $(call kernel-release,6.12): the newest release of that series with installed headers.
kernel-release = $(notdir $(patsubst %/build,%,$(lastword $(shell \
	ls -d /lib/modules/$(1).*-cloud-amd64/build 2>/dev/null | sort -V))))

all:

help:
	@echo 'sudo make deps    install the build and test dependencies (apt-get)'
	@echo 'make              build the driver, user space and the test host [KDIR=]'
	@echo 'make demo         boot a guest, log users on, and log them off from the host'
	@echo 'make demo-picture record the demo as docs/demo.svg'
	@echo 'make test         run check, unit, matrix, fuzz, kunit, e2e, e2e-faults, test-windows and'
	@echo '                  test-powershell, and print a summary'
	@echo 'make check        run the static checks'
	@echo 'make format       run clang-format on user space and tests'
	@echo 'make unit         run the unit tests'
	@echo 'make kunit        run the KUnit suites of the driver on the sanitizer kernel'
	@echo 'make e2e          run the end-to-end tests in guests [CASES=]'
	@echo '                  [KERNEL=5.10|6.1|6.12|sid|sanitizer]'
	@echo '                  [GUEST=bullseye|bookworm|trixie|sid]'
	@echo 'make e2e-guests   run cases of it in guests with each other Debian release [CASES=]'
	@echo 'make e2e-virtio   log users off a guest of QEMU, by AF_VSOCK from a Linux host'
	@echo 'make e2e-faults   inject every fault in every state of a request [KERNEL=] [CASES=]'
	@echo 'make e2e-hostile  send invalid packets to a guest [KERNEL=] [SEED=] [PACKETS=100000]'
	@echo 'make fuzz         fuzz the parsers [SECONDS=60]'
	@echo 'make fuzz-coverage'
	@echo '                  print what the fuzzers execute of the parsers'
	@echo 'make windows      cross-build for Windows into $(BUILD)/windows/hv-logoff [SIGN=COMMAND]'
	@echo 'make msi          make the installer for Windows, in $(BUILD)/windows [SIGN=COMMAND]'
	@echo 'make test-windows run the unit tests of the code for Windows under Wine'
	@echo 'make test-foreign run programs of others with the stand-in for Hyper-V [LIBHVEE=FOLDER]'
	@echo 'make test-powershell'
	@echo '                  run the tests of the PowerShell module, if there is a .NET SDK'
	@echo 'make test-desktop show the notifier in a session of Xfce under Xvfb (sudo make deps-desktop)'
	@echo 'make bench        measure ratios of times in a guest, and write docs/bench.md [KERNEL=]'
	@echo '                  [ROUNDS=5] [SESSIONS="30 100"] [CASES=]'
	@echo 'make soak         log off for hours with faults in between [HOURS=1|MINUTES=] [KERNEL=] [SEED=]'
	@echo 'make matrix       build the driver for the kernels $(MATRIX) with W=1 and sparse,'
	@echo '                  and user space on Debian 11'
	@echo 'make kernel-tree  add the driver to a kernel source tree as a patch series TREE=DIR'
	@echo 'make size         compare the size of the driver with hv_utils'
	@echo 'make install      install user space, and the driver for the running kernel'
	@echo '                  [DESTDIR=] [PREFIX=/usr] [KDIR=]'
	@echo 'make deb          build Debian packages into $(BUILD)/deb'
	@echo 'make packages     build, install, upgrade and purge them in a clean system [RELEASES=]'
	@echo 'make packages-all do that for $(ALL_RELEASES)'
	@echo 'make reproducible build the packages twice, and compare them'
	@echo 'make autopkgtest  run the tests in debian/tests in clean systems (sudo make deps-packages)'
	@echo 'make rpm          build RPM packages into $(BUILD)/rpm, and read them (sudo make deps-packages)'
	@echo 'make arm64        cross-build the driver and user space for arm64'
	@echo 'make dist         make the release: sources, list of what is linked, and checksums'
	@echo 'make dkms         boot guests with the packages, whose driver DKMS builds [RELEASES=] [CASES=]'
	@echo 'make clean        remove $(BUILD)/'

# Two variants of each object: as shipped, and with ASan and UBSan for the unit tests.
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) $(CPPFLAGS) -c -o $@ $<
$(BUILD)/asan/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(ASAN_CFLAGS) $(CPPFLAGS) -c -o $@ $<

include $(wildcard driver/build.mk userspace/*/build.mk packaging/build.mk tests/*/build.mk)
-include $(shell find $(BUILD) -path $(BUILD)/deb -prune -o -type f -name '*.d' -print 2>/dev/null)

DEPS := gcc g++ libc6-dev make pkg-config acpica-tools qemu-system-x86 mmdebstrap debian-archive-keyring \
	busybox-static cpio lz4 xz-utils kmod uidmap python3 libsystemd-dev libkmod-dev libjansson-dev libcmocka-dev \
	libpam0g-dev dbus-daemon systemd linux-headers-cloud-amd64 \
	linux-headers-6.12-cloud-amd64 linux-source-6.12 flex bison bc libelf-dev libssl-dev \
	sparse clang clang-format clang-tidy libclang-rt-dev llvm cppcheck shellcheck perl git python3-docutils \
	gcc-mingw-w64-x86-64-win32 mingw-w64-tools libwine-dev wine wine64 wixl msitools osslsigncode \
	openssl groff-base

deps:
	apt-get update
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(DEPS)
	! command -v dotnet >/dev/null || userspace/host/powershell/pwsh.sh >/dev/null || \
		echo 'the tests of the PowerShell module will be skipped' >&2

# The kernel and the QEMU of the outer machine, which hvhost needs where KVM is unusable.
outer-root = HVHOST_OUTER_ROOT=$$(tests/kernel/stock.sh $(call kernel-release,6.12)) \
	HVHOST_OUTER_QEMU=$${HVHOST_OUTER_QEMU:-$$(tests/kernel/qemu.sh)}

check: all $(BUILD)/tests/unit/layout.h $(WINDOWS_TYPES)
	tests/check/check.sh $(BUILD)

format:
	find userspace tests -name '*.[ch]' -exec clang-format -i {} +

e2e: $(KERNEL:%=e2e-%)
# Test one kernel at a time: one guest with its host keeps two processors busy.
e2e-6.12: | $(filter e2e-6.1,$(KERNEL:%=e2e-%))
$(E2E_KERNELS:%=e2e-%): e2e-%: $(BUILD)/hvhost $(BUILD)/guest-%$(guest-suffix).img \
		$(BUILD)/vmbus-%.img
	$(outer-root) tests/e2e/run.py --build $(BUILD) --kernel $* --guest $(GUEST) \
		$(ROUNDS:%=--rounds %) $(CASES)

# The cases that depend most on the guest's user space, with each other release of Debian.
e2e-guests: $(OTHER_GUESTS:%=e2e-guest-%)
$(OTHER_GUESTS:%=e2e-guest-%): e2e-guest-%:
	@status=0; tests/guest/base.sh $* >/dev/null || status=$$?; \
	if ((status == 77)); then \
		mkdir -p $(BUILD)/results; . tests/tap.sh; \
		{ skip 'Debian $*' 'the mirror does not have it'; plan; } | \
			tee $(BUILD)/results/e2e-6.12-$*.tap; \
	else \
		$(MAKE) e2e KERNEL=6.12 GUEST=$* CASES="$(or $(CASES),core release cgroup_v1 real_sessions)"; \
	fi

# Every fault in every state of a request; see docs/faults.md.
e2e-faults: $(KERNEL:%=faults-%)
$(E2E_KERNELS:%=faults-%): faults-%: $(BUILD)/hvhost $(BUILD)/guest-%$(guest-suffix).img
	$(outer-root) tests/e2e/run.py --build $(BUILD) --kernel $* --guest $(GUEST) --faults $(CASES)

# Packets that no valid host sends, generated from one seed.
e2e-hostile: $(KERNEL:%=hostile-%)
$(E2E_KERNELS:%=hostile-%): hostile-%: $(BUILD)/hvhost $(BUILD)/guest-%$(guest-suffix).img
	$(outer-root) tests/e2e/hostile.py --build $(BUILD) --kernel $* --guest $(GUEST) \
		$(SEED:%=--seed %) $(PACKETS:%=--packets %)

test: export WERROR = -Werror
test:
	@+MAKE="$(MAKE)" tests/suites.sh $(BUILD)

clean:
	rm -rf $(BUILD)

# Debian packages of the files that git knows, as they are in this directory. A release archive is not
# a repository: all of its files.
list-files = $(if $(wildcard .git),git ls-files -z,find . -path './$(BUILD)' -prune -o ! -type d -print0)
deb-source = $(BUILD)/deb/hv-logoff-$(RELEASE)
deb:
	rm -rf $(BUILD)/deb
	mkdir -p $(deb-source)
	$(list-files) | xargs -0 cp -P --parents -t $(deb-source)
	cd $(deb-source) && dpkg-buildpackage -us -uc -b $(DEB_FLAGS)

# What packages need: all without the driver and the test host.
userspace:

.PHONY: all userspace help deps check format unit e2e $(E2E_KERNELS:%=e2e-%) e2e-guests \
	$(OTHER_GUESTS:%=e2e-guest-%) e2e-faults $(E2E_KERNELS:%=faults-%) \
	e2e-hostile $(E2E_KERNELS:%=hostile-%) test deb install clean
