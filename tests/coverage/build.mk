# SPDX-License-Identifier: GPL-2.0-or-later

# The cases that exercise the driver. The others exercise its environment.
COVERAGE_CASES := core timeout_too_short same_id_twice busy query daemon_not_restarted \
	no_daemon never_negotiated rmmod session_ends_reported selected_sessions false_sizes \
	hostile_daemon session_flood hostile_host

# GCOV_PROFILE is kbuild's own switch. The separate build directory keeps the slow instrumented
# objects out of other runs.
coverage:
	GCOV_PROFILE=y $(MAKE) BUILD=$(BUILD)/coverage kunit
	GCOV_PROFILE=y $(MAKE) BUILD=$(BUILD)/coverage KERNEL=sanitizer e2e \
		CASES="$(COVERAGE_CASES)"
	GCOV_PROFILE=y $(MAKE) BUILD=$(BUILD)/coverage KERNEL=sanitizer e2e-faults \
		CASES="suspended no_memory device bind unbind"
	tests/coverage/report.py --missed --source driver \
		$$(printf '$(BUILD)/coverage/driver-sanitizer/driver=%s ' \
			$(BUILD)/coverage/results/kunit.log \
			$(BUILD)/coverage/results/*-sanitizer/*/coverage.log)

.PHONY: coverage
