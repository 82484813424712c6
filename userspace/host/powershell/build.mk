# SPDX-License-Identifier: GPL-2.0-or-later
# The PowerShell module HvLogoff, which is not compiled, and its tests.

$(BUILD)/fleet: $(patsubst %,$(BUILD)/tests/unit/%.o,fleet fake_fleet)
	$(CC) -pthread $(LDFLAGS) -o $@ $^ $(VMGUESTOS_LIBS)

test-powershell: $(BUILD)/vmlogoff $(BUILD)/fleet
	userspace/host/powershell/test.sh $(BUILD)

.PHONY: test-powershell
