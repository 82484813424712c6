// SPDX-License-Identifier: GPL-2.0-or-later
/* Keep-alive messages to a fake service manager, which is the socket in NOTIFY_SOCKET. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "unit.h"
#include "userspace/guest/watchdog.h"
#include "userspace/shared/util.h"

static struct fixture {
	sd_event *event;
	int manager;
	struct sockaddr_un address; /* of manager; setup() makes its path one for NOTIFY_SOCKET */
} fixture;

static int setup(void **state)
{
	struct sockaddr_un *address = &fixture.address;
	socklen_t length = sizeof(*address);

	/* The kernel chooses a free name in the abstract namespace. */
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	fixture.manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (sd_event_new(&fixture.event) < 0 || fixture.manager < 0 ||
	    bind(fixture.manager, (struct sockaddr *)address, sizeof(address->sun_family)) < 0 ||
	    getsockname(fixture.manager, (struct sockaddr *)address, &length) < 0)
		return -1;
	address->sun_path[0] = '@';
	setenv("NOTIFY_SOCKET", address->sun_path, 1);
	return 0;
}

static int teardown(void **state)
{
	unsetenv("WATCHDOG_USEC");
	unsetenv("NOTIFY_SOCKET");
	sd_event_unref(fixture.event);
	closep(&fixture.manager);
	return 0;
}

static void receive_keepalive(void)
{
	char text[64] = "";

	assert_true(sd_event_run(fixture.event, UINT64_MAX) > 0);
	assert_true(recv(fixture.manager, text, sizeof(text) - 1, 0) > 0);
	assert_string_equal(text, "WATCHDOG=1");
}

/* The first message is sent at once, and others follow. */
static void test_keepalives(void **state)
{
	setenv("WATCHDOG_USEC", "60000", 1);
	assert_true(watchdog_start(fixture.event) >= 0);
	for (int i = 0; i < 5; i++)
		receive_keepalive();
}

static int on_timeout(sd_event_source *source, uint64_t time, void *userdata)
{
	*(bool *)userdata = true;
	return 0;
}

/* After the first message, the second one comes in time, even on a slow machine. */
static void test_interval(void **state)
{
	sd_event_source *timer;
	bool over = false;
	char text[64];

	setenv("WATCHDOG_USEC", "600000", 1);
	assert_true(watchdog_start(fixture.event) >= 0);
	assert_true(sd_event_add_time_relative(fixture.event, &timer, CLOCK_MONOTONIC, 500000, 1,
					       on_timeout, &over) >= 0);
	assert_true(sd_event_source_set_priority(timer, SD_EVENT_PRIORITY_IDLE) >= 0);
	while (!over)
		assert_true(sd_event_run(fixture.event, UINT64_MAX) > 0);
	sd_event_source_unref(timer);
	for (int i = 0; i < 2; i++)
		assert_true(recv(fixture.manager, text, sizeof(text), 0) > 0);
}

/* What could not be sent is sent soon, not at the next interval. */
static void test_lost(void **state)
{
	uint64_t began = monotonic_usec();

	setenv("WATCHDOG_USEC", "120000000", 1);
	setenv("NOTIFY_SOCKET", "/nonexistent", 1);
	assert_true(watchdog_start(fixture.event) >= 0);
	assert_true(sd_event_run(fixture.event, UINT64_MAX) > 0);
	setenv("NOTIFY_SOCKET", fixture.address.sun_path, 1);
	receive_keepalive();
	assert_true(monotonic_usec() - began < 60 * USEC_PER_SEC);
}

static void test_watchdog_disabled(void **state)
{
	assert_int_equal(watchdog_start(fixture.event), 0);
	assert_int_equal(sd_event_run(fixture.event, 0), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_keepalives),
		TEST(test_interval),
		TEST(test_lost),
		TEST(test_watchdog_disabled),
	};

	return cmocka_run_group_tests_name("watchdog", tests, NULL, NULL);
}
