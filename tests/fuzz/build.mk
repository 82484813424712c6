# SPDX-License-Identifier: GPL-2.0-or-later
# Each fuzz_NAME.c is a libFuzzer program, linked with the code under test, which is built with
# sanitizers. corpus/NAME holds its seeds and inputs that once triggered a bug.

FUZZ_CC ?= clang
FUZZ_CFLAGS := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_PROGRAMS := $(FUZZERS:%=$(BUILD)/fuzz/%)
SECONDS ?= 60

$(BUILD)/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(BASE_CFLAGS) $(FUZZ_CFLAGS) $(CPPFLAGS) -fsanitize=fuzzer-no-link -c -o $@ $<

$(BUILD)/fuzz/fuzz_answer $(BUILD)/fuzz/fuzz_request: $(BUILD)/fuzz/driver/wire.o \
	$(BUILD)/fuzz/userspace/shared/wire_host.o
$(BUILD)/fuzz/fuzz_record: $(BUILD)/fuzz/driver/record.o $(BUILD)/fuzz/driver/wire.o \
	$(BUILD)/fuzz/userspace/shared/wire_host.o
$(BUILD)/fuzz/fuzz_host: $(patsubst %,$(BUILD)/fuzz/userspace/%.o,host/libvmguestos/json \
	host/libvmguestos/sessions shared/kvp_fields shared/kvp_sessions shared/kvp_value shared/names shared/text shared/utc)
$(BUILD)/fuzz/fuzz_host: FUZZ_LIBS = $(VMGUESTOS_LIBS)
$(BUILD)/fuzz/fuzz_vmlogoff: $(patsubst %,$(BUILD)/fuzz/userspace/%.o,shared/text \
	$(addprefix host/vmlogoff/,command request system_posix))
$(BUILD)/fuzz/fuzz_vmlogoff: FUZZ_LIBS = $(VMGUESTOS_LIBS)
$(BUILD)/fuzz/fuzz_ring: $(BUILD)/fuzz/tests/hvhost/vmbus/ring.o
$(BUILD)/fuzz/fuzz_hvhost_stream: $(addprefix $(BUILD)/fuzz/tests/hvhost/,vsock/stream.o vsock/address.o loop.o)
$(BUILD)/fuzz/fuzz_config: $(BUILD)/fuzz/userspace/guest/config.o $(BUILD)/fuzz/userspace/shared/text.o
$(BUILD)/fuzz/fuzz_engine: $(BUILD)/fuzz/driver/record.o \
	$(patsubst %,$(BUILD)/fuzz/userspace/%.o,guest/config shared/text $(addprefix guest/logoff/, \
		engine managers notices report result returns session targets))
$(BUILD)/fuzz/fuzz_watch: $(patsubst %,$(BUILD)/fuzz/userspace/%.o,guest/config guest/log \
	guest/logoff/session guest/logoff/watch shared/text)
$(BUILD)/fuzz/fuzz_device: $(BUILD)/fuzz/userspace/guest/transport/device.o
$(BUILD)/fuzz/fuzz_vsock_requests: $(BUILD)/fuzz/driver/wire.o $(patsubst %,$(BUILD)/fuzz/userspace/%.o, \
	guest/log guest/system/vsock_g2h shared/text $(addprefix guest/transport/, \
		journal known_requests vsock_listener vsock_requests))
$(BUILD)/fuzz/fuzz_proc: $(BUILD)/fuzz/userspace/guest/system/process.o
$(BUILD)/fuzz/fuzz_locks: $(patsubst %,$(BUILD)/fuzz/userspace/%.o,guest/log \
	guest/transport/kvp_locks guest/transport/kvp_pool shared/text)
$(BUILD)/fuzz/fuzz_kvp_machine: $(KVP_MACHINE_OBJECTS:%=$(BUILD)/fuzz/%)
$(BUILD)/fuzz/fuzz_vmguestos_request: $(VSOCK_REQUEST_OBJECTS:%=$(BUILD)/fuzz/%)
$(BUILD)/fuzz/fuzz_kvp_xml: $(BUILD)/fuzz/userspace/host/windows/kvp_xml.o
$(BUILD)/fuzz/fuzz_text: $(BUILD)/fuzz/userspace/shared/text.o
$(BUILD)/fuzz/fuzz_kvp: $(patsubst %,$(BUILD)/fuzz/userspace/%.o,guest/transport/kvp_pool \
	shared/kvp_fields shared/kvp_sessions shared/kvp_value shared/names shared/text shared/utc)
$(BUILD)/fuzz/fuzz_journal: $(BUILD)/fuzz/userspace/guest/transport/journal.o
$(BUILD)/fuzz/fuzz_device $(BUILD)/fuzz/fuzz_locks $(BUILD)/fuzz/fuzz_vsock_requests: CPPFLAGS += $(LOGOFFD_CFLAGS)
$(BUILD)/fuzz/fuzz_device $(BUILD)/fuzz/fuzz_locks $(BUILD)/fuzz/fuzz_vsock_requests: FUZZ_LIBS = $(LOGOFFD_LIBS)

# A fuzzer uses few of the parameters that the callbacks pass to it.
$(BUILD)/fuzz/tests/fuzz/%.o: CPPFLAGS += -Wno-unused-parameter

$(FUZZ_PROGRAMS): $(BUILD)/fuzz/%: $(BUILD)/fuzz/tests/fuzz/%.o
	$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ $(FUZZ_LIBS)

# SECONDS is the total for all fuzzers, in addition to the time for their seeds.
fuzz: $(FUZZ_PROGRAMS)
	tests/fuzz/run.sh $(BUILD) $(SECONDS) $(FUZZERS)

# What the corpora, and the inputs that searches have found, execute of the code under test.
FUZZ_COVERAGE := $(BUILD)/fuzz-coverage
fuzz-coverage:
	$(MAKE) BUILD=$(FUZZ_COVERAGE) \
		FUZZ_CFLAGS="-O1 -g -fprofile-instr-generate -fcoverage-mapping" \
		$(FUZZERS:%=$(FUZZ_COVERAGE)/fuzz/%)
	tests/fuzz/coverage.py $(FUZZ_COVERAGE) $(FUZZERS)

.PHONY: fuzz fuzz-coverage
