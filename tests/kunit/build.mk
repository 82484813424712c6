# SPDX-License-Identifier: GPL-2.0-or-later

$(BUILD)/tests/kunit/init: $(BUILD)/tests/kunit/init.o
	$(CC) $(LDFLAGS) -static -o $@ $^

kunit: $(BUILD)/tests/kunit/init
	tests/kunit/run.sh $(BUILD)

.PHONY: kunit
