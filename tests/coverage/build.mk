# SPDX-License-Identifier: GPL-2.0-or-later

# kbuild's own switch, in a build folder apart, for what it makes is slow.
coverage:
	GCOV_PROFILE=y $(MAKE) BUILD=$(BUILD)/coverage kunit
	GCOV_PROFILE=y $(MAKE) BUILD=$(BUILD)/coverage KERNEL=sanitizer e2e
	GCOV_PROFILE=y $(MAKE) BUILD=$(BUILD)/coverage KERNEL=sanitizer e2e-faults \
		CASES="suspended device bind unbind"
	tests/coverage/report.py --missed --source driver \
		$(BUILD)/coverage/kunit/driver=$(BUILD)/coverage/results/kunit.log \
		$$(printf '$(BUILD)/coverage/driver-sanitizer=%s ' \
			$(BUILD)/coverage/results/*-sanitizer/*/coverage.log)

.PHONY: coverage
