# SPDX-License-Identifier: GPL-2.0-or-later
# Ratios of times that were measured in one run on one machine; nothing asserts a time.

# The newest kernel of KERNEL, or the only one.
bench: bench-$(lastword $(KERNEL))
$(E2E_KERNELS:%=bench-%): bench-%: $(BUILD)/hvhost $(BUILD)/vmlogoff $(BUILD)/fleet \
		$(BUILD)/guest-%$(guest-suffix).img
	$(outer-root) tests/bench/bench.py --build $(BUILD) --kernel $* --guest $(GUEST) \
		$(ROUNDS:%=--rounds %) $(SESSIONS:%=--sessions %) $(CASES)

# Logoffs and faults for HOURS, or MINUTES, on one kernel.
soak: soak-$(lastword $(KERNEL))
$(E2E_KERNELS:%=soak-%): soak-%: $(BUILD)/hvhost $(BUILD)/vmlogoff \
		$(BUILD)/guest-%$(guest-suffix).img
	$(outer-root) tests/bench/soak.py --build $(BUILD) --kernel $* --guest $(GUEST) \
		--minutes $(or $(MINUTES),$(shell echo $$(($(or $(HOURS),1) * 60)))) $(SEED:%=--seed %)

.PHONY: bench $(E2E_KERNELS:%=bench-%) soak $(E2E_KERNELS:%=soak-%)
