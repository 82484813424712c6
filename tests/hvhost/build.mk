# SPDX-License-Identifier: GPL-2.0-or-later
# hvhost is linked statically: in the outer machine it runs as process 1, without any libraries.

HVHOST_SOURCES := $(wildcard tests/hvhost/*.c tests/hvhost/*/*.c) driver/wire.c \
	userspace/host/libvmguestos/hresult.c userspace/shared/names.c userspace/shared/wire_host.c \
	userspace/host/libvmguestos/registry.c
HVHOST_OBJECTS := $(HVHOST_SOURCES:%.c=$(BUILD)/%.o)

# 6033: the _HID of the VMBus device is defined by Hyper-V and is not a valid ACPI ID.
$(BUILD)/tests/hvhost/dsdt.hex: tests/hvhost/vmm/acpi.asl
	@mkdir -p $(@D)
	iasl -vw 6033 -tc -p $(basename $@) $< >$(@D)/iasl.log || { cat $(@D)/iasl.log; exit 1; }

$(BUILD)/tests/hvhost/vmm/acpi.o: $(BUILD)/tests/hvhost/dsdt.hex
$(BUILD)/tests/hvhost/vmm/acpi.o: CPPFLAGS += -I$(BUILD)/tests/hvhost

$(BUILD)/hvhost: $(HVHOST_OBJECTS)
	$(CC) $(CFLAGS) -static -pthread -o $@ $^ $(shell pkg-config --static --libs jansson)

all: $(BUILD)/hvhost
