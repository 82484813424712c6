# SPDX-License-Identifier: GPL-2.0-or-later

# The cases that are about the driver; the others are about what is around it.
COVERAGE_CASES := core too_short same_id_twice busy query daemon_stays_away no_daemon \
	never_negotiated rmmod every_end_is_told some_of_them lies_about_size hostile_daemon \
	talkative_daemon hostile_host

# kbuild's own switch, in a build folder apart, for what it makes is slow.
coverage:
	GCOV_PROFILE=y $(MAKE) BUILD=$(BUILD)/coverage kunit
	GCOV_PROFILE=y $(MAKE) BUILD=$(BUILD)/coverage KERNEL=sanitizer e2e \
		CASES="$(COVERAGE_CASES)"
	GCOV_PROFILE=y $(MAKE) BUILD=$(BUILD)/coverage KERNEL=sanitizer e2e-faults \
		CASES="suspended no_memory device bind unbind"
	tests/coverage/report.py --missed --source driver \
		$(BUILD)/coverage/kunit/driver=$(BUILD)/coverage/results/kunit.log \
		$$(printf '$(BUILD)/coverage/driver-sanitizer=%s ' \
			$(BUILD)/coverage/results/*-sanitizer/*/coverage.log)

.PHONY: coverage
