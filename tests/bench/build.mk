# SPDX-License-Identifier: GPL-2.0-or-later
# Ratios of times that were measured in one run on one machine; nothing asserts a time.

# The newest kernel of KERNEL, or the only one.
bench: bench-$(lastword $(KERNEL))
$(E2E_KERNELS:%=bench-%): bench-%: $(BUILD)/hvhost $(BUILD)/vmlogoff $(BUILD)/fleet \
		$(BUILD)/guest-%$(guest-suffix).img
	$(outer-root) tests/bench/bench.py --build $(BUILD) --kernel $* --guest $(GUEST) \
		$(ROUNDS:%=--rounds %) $(SESSIONS:%=--sessions %) $(CASES)

.PHONY: bench $(E2E_KERNELS:%=bench-%)
