# SPDX-License-Identifier: GPL-2.0-or-later
# Each test_NAME.c is a cmocka program, linked with the code under test, which is built with
# sanitizers.

# Without those in UNIT_SKIP.
UNIT_TESTS := $(filter-out $(UNIT_SKIP),$(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c)))
UNIT_PROGRAMS := $(UNIT_TESTS:%=$(BUILD)/asan/%)
UNIT_GUEST := $(filter-out userspace/guest/main.o userspace/guest/daemon.o,$(LOGOFFD_OBJECTS))

# A test uses few of the parameters that cmocka and the callbacks pass to it.
$(BUILD)/asan/tests/unit/%.o: CPPFLAGS += -I$(BUILD) -Wno-unused-parameter \
	$(shell pkg-config --cflags cmocka libsystemd)
$(LOGOFFD_OBJECTS:%=$(BUILD)/asan/%): CPPFLAGS += $(LOGOFFD_CFLAGS)
$(LOGOFFCTL_OWN:%=$(BUILD)/asan/%): CPPFLAGS += $(LOGOFFCTL_CFLAGS)

# Static assertions for the sizes and offsets in docs/protocol.md and docs/uapi.md.
$(BUILD)/tests/unit/layout.h: tests/unit/layout.awk docs/protocol.md docs/uapi.md
	@mkdir -p $(@D)
	awk -f $^ >$@
$(BUILD)/asan/tests/unit/test_wire.o: $(BUILD)/tests/unit/layout.h
$(BUILD)/asan/test_wire: $(BUILD)/asan/driver/wire.o $(BUILD)/asan/userspace/shared/wire_host.o
$(BUILD)/asan/test_ring: $(BUILD)/asan/tests/hvhost/vmbus/ring.o
$(BUILD)/asan/test_hvhost_stream: $(addprefix $(BUILD)/asan/tests/hvhost/,vsock/stream.o vsock/address.o loop.o util.o)
$(BUILD)/asan/test_hvhost_sockets: $(addprefix $(BUILD)/asan/tests/hvhost/,vsock/vsock.o vsock/stream.o vsock/address.o \
	control/permission.o control/peer.o loop.o socket.o util.o)
$(BUILD)/asan/test_hvhost_sockets: UNIT_LIBS = -ljansson
$(BUILD)/asan/test_hvhost_stream $(BUILD)/asan/test_hvhost_sockets: $(BUILD)/asan/tests/unit/fake_channel.o
$(BUILD)/asan/test_mux: $(BUILD)/asan/tests/hvhost/outer/mux.o
$(BUILD)/asan/test_registry: $(BUILD)/asan/userspace/host/libvmguestos/registry.o
$(BUILD)/asan/test_registry: UNIT_LIBS = -ljansson
$(BUILD)/asan/test_permission: $(addprefix $(BUILD)/asan/tests/hvhost/,control/permission.o control/peer.o util.o)
$(BUILD)/asan/test_permission: UNIT_LIBS = -ljansson
$(BUILD)/asan/test_storm: $(BUILD)/asan/tests/hvhost/storm/packet.o $(BUILD)/asan/driver/wire.o \
	$(BUILD)/asan/userspace/shared/wire_host.o
# The tests refuse a record in place of the driver.
$(BUILD)/asan/test_device $(BUILD)/asan/test_device_requests: UNIT_LIBS = -Wl,--wrap=write
# The tests accept connections in place of the kernel, which has another transport to the host.
$(BUILD)/asan/test_vsock_listener: UNIT_LIBS = -Wl,--wrap=accept4 -Wl,--wrap=vsock_g2h_find
$(BUILD)/asan/test_kvp_machine: $(KVP_MACHINE_OBJECTS:%=$(BUILD)/asan/%)
$(BUILD)/asan/test_vsock_ends: $(patsubst %,$(BUILD)/asan/%,$(filter-out $(UNIT_GUEST),$(VSOCK_REQUEST_OBJECTS)))
$(BUILD)/asan/test_vmguestos_request: $(VSOCK_REQUEST_OBJECTS:%=$(BUILD)/asan/%)
$(BUILD)/asan/test_kvp_xml: $(BUILD)/asan/userspace/host/windows/kvp_xml.o
$(BUILD)/asan/test_doctor: $(patsubst %,$(BUILD)/asan/%,$(filter-out %/hv-logoffctl.o,$(LOGOFFCTL_OBJECTS)))
$(BUILD)/asan/test_ctl: $(patsubst %,$(BUILD)/asan/%,$(filter-out %/hv-logoffctl.o,$(LOGOFFCTL_OWN)))
$(BUILD)/asan/test_doctor $(BUILD)/asan/test_ctl: UNIT_LIBS = $(LOGOFFCTL_LIBS)
$(BUILD)/asan/test_utf16: $(BUILD)/asan/tests/hvhost/ic/utf16.o
$(filter-out $(addprefix %/test_,wire ring stream sockets mux storm utf16 kvp_machine kvp_xml vmguestos_request vmguestos_vsock vmguestos vmlogoff registry permission doctor),$(UNIT_PROGRAMS)): $(UNIT_GUEST:%=$(BUILD)/asan/%)

$(filter %/test_bus %/test_ctl %/test_engine %/test_kvp_requests %/test_device_requests %/test_user %/test_vsock_requests %/test_vsock_ends %/test_vsock_listener,$(UNIT_PROGRAMS)): $(BUILD)/asan/tests/unit/fake_system.o
$(filter %/test_bus %/test_ctl %/test_logind %/test_notifier,$(UNIT_PROGRAMS)): $(BUILD)/asan/tests/unit/private_bus.o
$(BUILD)/asan/test_notifier: $(addprefix $(BUILD)/asan/userspace/guest/notifier/,notifier.o desktop.o manager.o)
$(filter %/test_kvp_requests %/test_kvp_pool %/test_kvp_items %/test_journal %/test_device_requests %/test_vsock_requests %/test_vsock_ends %/test_vsock_listener,$(UNIT_PROGRAMS)): \
	$(BUILD)/asan/tests/unit/kvp_fixture.o

$(UNIT_PROGRAMS): $(BUILD)/asan/%: $(BUILD)/asan/tests/unit/%.o
	$(CC) $(ASAN_CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs cmocka) $(LOGOFFD_LIBS) $(UNIT_LIBS)

# Collects the TAP output of all programs. A program that exits with an error adds a failed test.
# UNIT_RUNNER is for programs of another architecture: an emulator.
unit: $(UNIT_PROGRAMS)
	@mkdir -p $(BUILD)/results; : >$(BUILD)/results/unit.tap; failed=; \
	for program in $^; do \
		CMOCKA_MESSAGE_OUTPUT=TAP $(UNIT_RUNNER) $$program | tee -a $(BUILD)/results/unit.tap || \
			{ failed=1; echo "not ok - $${program##*/} exited with an error" | \
				tee -a $(BUILD)/results/unit.tap; }; \
	done; [[ -z $$failed ]]

.PHONY: unit
