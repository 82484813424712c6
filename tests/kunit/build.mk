# SPDX-License-Identifier: GPL-2.0-or-later

$(BUILD)/tests/kunit/init: $(BUILD)/tests/kunit/init.o
	$(CC) $(LDFLAGS) -static -o $@ $^

kunit: $(BUILD)/hvhost $(BUILD)/tests/kunit/init $(BUILD)/driver-sanitizer/driver/hv_logoff.ko
	$(outer-root) tests/kunit/run.sh $(BUILD)

.PHONY: kunit
