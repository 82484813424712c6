// SPDX-License-Identifier: GPL-2.0-or-later
/* Signs of life, to a PID 1 of our own: the socket that NOTIFY_SOCKET names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "userspace/guest/watchdog.h"
#include "userspace/shared/util.h"

static struct fixture {
	sd_event *event;
	int pid1;
} fixture;

static int setup(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t length = sizeof(address);

	(void)state;
	/* Any name that is free, in the abstract name space. */
	fixture.pid1 = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (sd_event_new(&fixture.event) < 0 || fixture.pid1 < 0 ||
	    bind(fixture.pid1, (struct sockaddr *)&address, sizeof(address.sun_family)) < 0 ||
	    getsockname(fixture.pid1, (struct sockaddr *)&address, &length) < 0)
		return -1;
	address.sun_path[0] = '@';
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unsetenv("WATCHDOG_USEC");
	unsetenv("NOTIFY_SOCKET");
	sd_event_unref(fixture.event);
	closep(&fixture.pid1);
	return 0;
}

static void hear_sign(void)
{
	char text[64] = "";

	assert_true(sd_event_run(fixture.event, UINT64_MAX) > 0);
	assert_true(recv(fixture.pid1, text, sizeof(text) - 1, 0) > 0);
	assert_string_equal(text, "WATCHDOG=1");
}

/* At once, and then again and again. */
static void test_signs(void **state)
{
	(void)state;
	setenv("WATCHDOG_USEC", "60000", 1);
	assert_true(watchdog_start(fixture.event) >= 0);
	for (int i = 0; i < 5; i++)
		hear_sign();
}

static int on_half_time(sd_event_source *source, uint64_t time, void *userdata)
{
	(void)source;
	(void)time;
	*(bool *)userdata = true;
	return 0;
}

/* However slow the machine is, a second one has come before half of the time is over. */
static void test_signs_are_close(void **state)
{
	sd_event_source *half;
	bool over = false;
	char text[64];

	(void)state;
	setenv("WATCHDOG_USEC", "600000", 1);
	assert_true(watchdog_start(fixture.event) >= 0);
	assert_true(sd_event_add_time_relative(fixture.event, &half, CLOCK_MONOTONIC, 300000, 1,
					       on_half_time, &over) >= 0);
	assert_true(sd_event_source_set_priority(half, SD_EVENT_PRIORITY_IDLE) >= 0);
	while (!over)
		assert_true(sd_event_run(fixture.event, UINT64_MAX) > 0);
	sd_event_source_unref(half);
	for (int i = 0; i < 2; i++)
		assert_true(recv(fixture.pid1, text, sizeof(text), 0) > 0);
}

static void test_nobody_wants_signs(void **state)
{
	(void)state;
	assert_int_equal(watchdog_start(fixture.event), 0);
	assert_int_equal(sd_event_run(fixture.event, 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_signs),
		TEST(test_signs_are_close),
		TEST(test_nobody_wants_signs),
	};

	return cmocka_run_group_tests_name("watchdog", tests, NULL, NULL);
}
