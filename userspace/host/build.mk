# SPDX-License-Identifier: GPL-2.0-or-later
# libvmguestos as a shared and a static library, and vmlogoff, linked with the static library.

VMGUESTOS_SONAME := libvmguestos.so.1
LIBDIR ?= $(PREFIX)/lib
OBJCOPY ?= objcopy

VMLOGOFF_SOURCES := $(wildcard userspace/host/vmlogoff/*.c)
VMLOGOFF_OBJECTS := $(patsubst %.c,%.o,$(filter-out %_windows.c,$(VMLOGOFF_SOURCES))) \
	$(patsubst %,userspace/shared/%.o,names text utc)
# The messages of the logoff component, as the host sends and reads them.
WIRE_HOST_OBJECTS := driver/wire.o userspace/shared/wire_host.o
KVP_VALUE_OBJECTS := $(patsubst %,userspace/shared/%.o,kvp_fields kvp_sessions kvp_value names text utc)
VMGUESTOS_OBJECTS := $(patsubst %.c,%.o,$(wildcard userspace/host/libvmguestos/*.c userspace/host/libvmguestos/*/*.c)) \
	$(KVP_VALUE_OBJECTS) $(WIRE_HOST_OBJECTS)
# The parts of it that need no host.
KVP_MACHINE_OBJECTS := $(patsubst %,userspace/host/libvmguestos/%.o,error hresult transport/kvp_machine) \
	$(KVP_VALUE_OBJECTS)
VSOCK_REQUEST_OBJECTS := $(patsubst %,userspace/host/libvmguestos/%.o,error hresult \
	transport/vsock_link transport/vsock_request) $(WIRE_HOST_OBJECTS)
VMGUESTOS_LIBS = $(shell pkg-config --libs jansson)

include userspace/host/windows/build.mk userspace/host/windows/package.mk userspace/host/powershell/build.mk

$(VMGUESTOS_OBJECTS:%=$(BUILD)/%): CPPFLAGS += -fPIC -fvisibility=hidden

$(BUILD)/libvmguestos.so: $(VMGUESTOS_OBJECTS:%=$(BUILD)/%) userspace/host/libvmguestos/libvmguestos.map
	$(CC) -shared -pthread -Wl,-soname,$(VMGUESTOS_SONAME) -Wl,-z,defs \
		-Wl,--version-script=userspace/host/libvmguestos/libvmguestos.map $(LDFLAGS) \
		-o $@ $(filter %.o,$^) $(VMGUESTOS_LIBS)

# One object, so that hidden symbols can become local: a program that is linked with the static
# library sees only the symbols of vmguestos.h, as with the shared one.
$(BUILD)/libvmguestos.o: $(VMGUESTOS_OBJECTS:%=$(BUILD)/%)
	$(LD) -r -o $@ $^
	$(OBJCOPY) --localize-hidden $@

$(BUILD)/libvmguestos.a: $(BUILD)/libvmguestos.o
	rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/vmlogoff: $(VMLOGOFF_OBJECTS:%=$(BUILD)/%) $(BUILD)/libvmguestos.a
	$(CC) -pthread $(LDFLAGS) -o $@ $^ $(VMGUESTOS_LIBS)

all userspace: $(BUILD)/libvmguestos.so $(BUILD)/libvmguestos.a $(BUILD)/vmlogoff

# The unit tests of libvmguestos and vmlogoff also run with ThreadSanitizer.
TSAN_CFLAGS := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
VMGUESTOS_TEST := tests/unit/fake_host.o $(VMGUESTOS_OBJECTS)
$(BUILD)/tsan/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(TSAN_CFLAGS) $(CPPFLAGS) -c -o $@ $<
$(BUILD)/tsan/tests/unit/%.o: CPPFLAGS += -Wno-unused-parameter
$(BUILD)/asan/test_vmguestos: $(VMGUESTOS_TEST:%=$(BUILD)/asan/%)
$(BUILD)/asan/test_vmguestos: UNIT_LIBS = -pthread $(VMGUESTOS_LIBS)
$(BUILD)/tsan/test_vmguestos: $(BUILD)/tsan/tests/unit/test_vmguestos.o $(VMGUESTOS_TEST:%=$(BUILD)/tsan/%)
	$(CC) $(TSAN_CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs cmocka) $(VMGUESTOS_LIBS)
VSOCK_TEST := tests/unit/fake_guest.o $(VMGUESTOS_TEST)
$(BUILD)/asan/test_vmguestos_vsock: $(VSOCK_TEST:%=$(BUILD)/asan/%)
$(BUILD)/asan/test_vmguestos_vsock: UNIT_LIBS = -pthread $(VMGUESTOS_LIBS)
$(BUILD)/tsan/test_vmguestos_vsock: $(BUILD)/tsan/tests/unit/test_vmguestos_vsock.o $(VSOCK_TEST:%=$(BUILD)/tsan/%)
	$(CC) $(TSAN_CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs cmocka) $(VMGUESTOS_LIBS)
# test_vmlogoff runs the vmlogoff next to it.
VMLOGOFF_TEST := tests/unit/fake_fleet.o $(filter-out %/vmlogoff.o,$(VMLOGOFF_OBJECTS)) \
	$(filter-out $(VMLOGOFF_OBJECTS),$(VMGUESTOS_OBJECTS))
$(BUILD)/asan/vmlogoff: $(patsubst %,$(BUILD)/asan/%,$(sort $(VMLOGOFF_OBJECTS) $(VMGUESTOS_OBJECTS)))
	$(CC) $(ASAN_CFLAGS) -pthread $(LDFLAGS) -o $@ $^ $(VMGUESTOS_LIBS)
$(BUILD)/tsan/vmlogoff: $(patsubst %,$(BUILD)/tsan/%,$(sort $(VMLOGOFF_OBJECTS) $(VMGUESTOS_OBJECTS)))
	$(CC) $(TSAN_CFLAGS) $(LDFLAGS) -o $@ $^ $(VMGUESTOS_LIBS)
$(BUILD)/asan/test_vmlogoff: $(VMLOGOFF_TEST:%=$(BUILD)/asan/%) | $(BUILD)/asan/vmlogoff
$(BUILD)/asan/test_vmlogoff: UNIT_LIBS = -pthread $(VMGUESTOS_LIBS)
$(BUILD)/tsan/test_vmlogoff: $(BUILD)/tsan/tests/unit/test_vmlogoff.o $(VMLOGOFF_TEST:%=$(BUILD)/tsan/%) \
		| $(BUILD)/tsan/vmlogoff
	$(CC) $(TSAN_CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs cmocka) $(VMGUESTOS_LIBS)
unit: $(BUILD)/tsan/test_vmguestos $(BUILD)/tsan/test_vmlogoff $(BUILD)/tsan/test_vmguestos_vsock

install-host: $(BUILD)/libvmguestos.so $(BUILD)/libvmguestos.a $(BUILD)/vmlogoff
	install -D -m 755 $(BUILD)/vmlogoff $(DESTDIR)$(PREFIX)/bin/vmlogoff
	install -D -m 644 $(BUILD)/libvmguestos.so \
		$(DESTDIR)$(LIBDIR)/libvmguestos.so.$(RELEASE)
	ln -sf libvmguestos.so.$(RELEASE) $(DESTDIR)$(LIBDIR)/$(VMGUESTOS_SONAME)
	ln -sf $(VMGUESTOS_SONAME) $(DESTDIR)$(LIBDIR)/libvmguestos.so
	install -m 644 $(BUILD)/libvmguestos.a $(DESTDIR)$(LIBDIR)
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/include userspace/host/libvmguestos/vmguestos.h
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig
	sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(RELEASE)|' \
		userspace/host/libvmguestos/libvmguestos.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/libvmguestos.pc
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 docs/vmlogoff.1
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man3 docs/libvmguestos.3
	install -D -m 644 userspace/host/vmlogoff/vmlogoff.bash-completion \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/vmlogoff

install: install-host

.PHONY: install-host
