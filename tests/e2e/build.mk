# SPDX-License-Identifier: GPL-2.0-or-later
# One libvmguestos client, built as C and as C++ against the installed header and library.

STAGE = $(abspath $(BUILD))/stage
STAGE_FLAGS = $$(PKG_CONFIG_PATH=$(STAGE)/lib/pkgconfig pkg-config --cflags --libs libvmguestos) \
	-Wl,-rpath,$(STAGE)/lib

$(BUILD)/stage/lib/libvmguestos.so: $(BUILD)/libvmguestos.so $(BUILD)/libvmguestos.a \
		$(BUILD)/vmlogoff userspace/host/libvmguestos/vmguestos.h \
		userspace/host/libvmguestos/libvmguestos.pc.in
	$(MAKE) install-host DESTDIR= PREFIX=$(STAGE) LIBDIR=$(STAGE)/lib

$(BUILD)/walk-c: tests/e2e/walk.c $(BUILD)/stage/lib/libvmguestos.so
	$(CC) -std=c17 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror $(CFLAGS) -o $@ $< $(STAGE_FLAGS)
$(BUILD)/walk-c++: tests/e2e/walk.c $(BUILD)/stage/lib/libvmguestos.so
	$(CXX) -x c++ -std=c++17 -Wall -Wextra -Wpedantic -Werror $(CFLAGS) -o $@ $< $(STAGE_FLAGS)

# The cases of hyper_v.py.
e2e-6.1: $(WINDOWS)/vmlogoff.exe $(WINDOWS)/hvwmi.dll

$(E2E_KERNELS:%=e2e-%): $(BUILD)/vmlogoff $(BUILD)/walk-c $(BUILD)/walk-c++
