# SPDX-License-Identifier: GPL-2.0-or-later
# Each folder with something to build has a build.mk, which adds to these.

BUILD ?= build
CFLAGS ?= -O2 -g
BASE_CFLAGS := -std=c17 -D_GNU_SOURCE -Wall -Wextra -Werror -Idriver/uapi -I. -MMD -MP
ASAN_CFLAGS := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

all:

# Every object is built twice at most: as shipped, and for the tests with ASan and UBSan.
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) $(CPPFLAGS) -c -o $@ $<
$(BUILD)/asan/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(ASAN_CFLAGS) $(CPPFLAGS) -c -o $@ $<

include $(wildcard driver/build.mk userspace/*/build.mk tests/*/build.mk)
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

clean:
	rm -rf $(BUILD)

.PHONY: all clean
