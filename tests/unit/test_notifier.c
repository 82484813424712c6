// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The desktop notifier, between a fake hv-logoffd on a private system bus and a fake notification
 * server on a private session bus.
 */
#include <string.h>
#include <time.h>

#include "private_bus.h"
#include "unit.h"
#include "userspace/guest/notifier/notifier.h"

#define SERVER_NAME "org.freedesktop.Notifications"
#define SERVER_PATH "/org/freedesktop/Notifications"
#define DAEMON_NAME "org.hv_logoff1"
#define DAEMON_PATH "/org/hv_logoff1"
#define INTERFACE   "org.hv_logoff1.Manager"

/* Generous: only a failed test waits that long. */
#define BOUND (60 * USEC_PER_SEC)

static struct fixture {
	struct private_bus system_bus, session_bus;
	sd_event *event;
	sd_bus *session; /* the notifier's */
	sd_bus *server;
	sd_bus *daemon;
	struct notifier notifier;
	bool markup;

	unsigned int subscriptions;
	char subscriber[64];
	const char *pending; /* the state in the answer to Subscribe() */

	unsigned int shown, replaced, closed;
	uint32_t id; /* of the last notification */
	uint32_t first_id;
	uint8_t urgency;
	int32_t expires;
	char summary[256], body[4096];
} fixture;

static uint64_t deadline(uint64_t seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (now.tv_sec + seconds) * USEC_PER_SEC + now.tv_nsec / 1000;
}

static int on_capabilities(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	return sd_bus_reply_method_return(call, "as", 2, "body",
					  fixture.markup ? "body-markup" : "persistence");
}

static int on_notify(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	const char *application, *icon, *summary, *body, *hint;
	uint32_t replaces;

	assert_true(sd_bus_message_read(call, "susss", &application, &replaces, &icon, &summary,
					&body) > 0);
	assert_true(sd_bus_message_skip(call, "as") > 0);
	assert_true(sd_bus_message_enter_container(call, 'a', "{sv}") > 0);
	assert_true(sd_bus_message_enter_container(call, 'e', "sv") > 0);
	assert_true(sd_bus_message_read(call, "sv", &hint, "y", &fixture.urgency) > 0);
	assert_string_equal(hint, "urgency");
	assert_true(sd_bus_message_exit_container(call) > 0);
	assert_true(sd_bus_message_skip(call, "{sv}") > 0);
	assert_true(sd_bus_message_exit_container(call) > 0);
	assert_true(sd_bus_message_read(call, "i", &fixture.expires) > 0);
	fixture.shown++;
	fixture.replaced += replaces != 0;
	if (replaces)
		assert_int_equal(replaces, fixture.id);
	else
		fixture.id++;
	snprintf(fixture.summary, sizeof(fixture.summary), "%s", summary);
	snprintf(fixture.body, sizeof(fixture.body), "%s", body);
	return sd_bus_reply_method_return(call, "u", fixture.id);
}

static int on_close(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	uint32_t id;

	assert_true(sd_bus_message_read(call, "u", &id) > 0);
	assert_int_equal(id, fixture.id);
	fixture.closed++;
	return sd_bus_reply_method_return(call, "");
}

static const sd_bus_vtable server_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("GetCapabilities", "", "as", on_capabilities, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Notify", "susssasa{sv}i", "u", on_notify, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("CloseNotification", "u", "", on_close, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_SIGNAL("NotificationClosed", "uu", 0),
	SD_BUS_VTABLE_END,
};

static int on_subscribe(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	fixture.subscriptions++;
	snprintf(fixture.subscriber, sizeof(fixture.subscriber), "%s",
		 sd_bus_message_get_sender(call));
	return sd_bus_reply_method_return(call, "stst", fixture.pending,
					  fixture.pending[0] ? deadline(100) : 0, "Pending.",
					  UINT64_C(7));
}

static const sd_bus_vtable daemon_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Subscribe", "", "stst", on_subscribe, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_SIGNAL("Notice", "stst", 0),
	SD_BUS_VTABLE_END,
};

static sd_bus *open_bus(const struct private_bus *at)
{
	sd_bus *bus = NULL;

	assert_int_equal(sd_bus_new(&bus), 0);
	assert_true(sd_bus_set_address(bus, at->address) >= 0);
	assert_true(sd_bus_set_bus_client(bus, true) >= 0);
	assert_true(sd_bus_start(bus) >= 0);
	assert_true(sd_bus_attach_event(bus, fixture.event, 0) >= 0);
	return bus;
}

static void close_bus(sd_bus **bus)
{
	if (*bus)
		sd_bus_detach_event(*bus);
	*bus = sd_bus_flush_close_unref(*bus);
}

static void start_server(void)
{
	fixture.server = open_bus(&fixture.session_bus);
	assert_true(sd_bus_add_object_vtable(fixture.server, NULL, SERVER_PATH, SERVER_NAME,
					     server_vtable, NULL) >= 0);
	assert_true(sd_bus_request_name(fixture.server, SERVER_NAME, 0) >= 0);
}

static void start_daemon(void)
{
	fixture.daemon = open_bus(&fixture.system_bus);
	assert_true(sd_bus_add_object_vtable(fixture.daemon, NULL, DAEMON_PATH, INTERFACE,
					     daemon_vtable, NULL) >= 0);
	assert_true(sd_bus_request_name(fixture.daemon, DAEMON_NAME, 0) >= 0);
}

static int setup(void **state)
{
	fixture = (struct fixture){.markup = true, .pending = ""};
	if (private_bus_init(&fixture.system_bus, PRIVATE_SYSTEM_BUS) < 0 ||
	    private_bus_init(&fixture.session_bus, PRIVATE_SESSION_BUS) < 0 ||
	    sd_event_new(&fixture.event) < 0)
		return -1;
	private_bus_start(&fixture.system_bus);
	private_bus_start(&fixture.session_bus);
	fixture.session = open_bus(&fixture.session_bus);
	return notifier_start(&fixture.notifier, fixture.event, fixture.session);
}

static int teardown(void **state)
{
	notifier_done(&fixture.notifier);
	close_bus(&fixture.session);
	close_bus(&fixture.server);
	close_bus(&fixture.daemon);
	sd_event_unref(fixture.event);
	private_bus_done(&fixture.session_bus);
	private_bus_done(&fixture.system_bus);
	return 0;
}

static void wait_for(unsigned int *counter, unsigned int value)
{
	uint64_t end = monotonic_usec() + BOUND;

	while (*counter < value && monotonic_usec() < end)
		assert_true(sd_event_run(fixture.event, USEC_PER_SEC) >= 0);
	assert_int_equal(*counter, value);
}

static void wait_for_summary(const char *summary)
{
	uint64_t end = monotonic_usec() + BOUND;

	while (strcmp(fixture.summary, summary) != 0 && monotonic_usec() < end)
		assert_true(sd_event_run(fixture.event, USEC_PER_SEC) >= 0);
	assert_string_equal(fixture.summary, summary);
}

/* Handles what has been sent so far: the answer of the bus comes after everything before it. */
static void settle(sd_bus *bus)
{
	for (int i = 0; i < 3; i++) {
		assert_true(sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
					       "org.freedesktop.DBus", "GetId", NULL, NULL,
					       "") >= 0);
		while (sd_event_run(fixture.event, 0) > 0)
			;
	}
}

static void start_all(void)
{
	start_server();
	start_daemon();
	wait_for(&fixture.subscriptions, 1);
	settle(fixture.notifier.manager.bus);
}

static void send_notice_from(sd_bus *from, const char *to, const char *state, uint64_t seconds,
			     uint64_t id)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *signal = NULL;

	assert_true(sd_bus_message_new_signal(from, &signal, DAEMON_PATH, INTERFACE, "Notice") >=
		    0);
	assert_true(sd_bus_message_append(signal, "stst", state, deadline(seconds), "<Save> & go",
					  id) >= 0);
	assert_true(sd_bus_message_set_destination(signal, to) >= 0);
	assert_true(sd_bus_send(from, signal, NULL) >= 0);
}

static void send_notice(const char *state, uint64_t seconds, uint64_t id)
{
	send_notice_from(fixture.daemon, fixture.subscriber, state, seconds, id);
}

static void test_warned(void **state)
{
	start_all();
	assert_int_equal(fixture.shown, 0);
	send_notice("warned", 100, 1);
	wait_for_summary("Logoff in 100 seconds");
	assert_string_equal(fixture.body, "&lt;Save&gt; &amp; go");
	assert_int_equal(fixture.urgency, 2);
	assert_int_equal(fixture.expires, 0);
}

static void test_without_markup(void **state)
{
	fixture.markup = false;
	start_all();
	send_notice("warned", 100, 1);
	wait_for(&fixture.shown, 1);
	assert_string_equal(fixture.body, "<Save> & go");
}

static void test_countdown(void **state)
{
	start_all();
	send_notice("warned", 3, 1);
	wait_for_summary("You are being logged off.");
	assert_true(fixture.shown > 1);
	assert_int_equal(fixture.replaced, fixture.shown - 1);
	send_notice("ending", 0, 1);
	send_notice("done", 0, 1);
	wait_for(&fixture.closed, 1);
}

static void test_cancelled(void **state)
{
	start_all();
	send_notice("warned", 100, 1);
	wait_for(&fixture.shown, 1);
	send_notice("cancelled", 0, 1);
	wait_for_summary("The logoff was cancelled.");
	assert_string_equal(fixture.body, "");
	assert_int_equal(fixture.urgency, 1);
	assert_int_equal(fixture.replaced, 1);
	assert_int_equal(fixture.closed, 0);
}

/* A notification that the user has closed comes back only with another state. */
static void test_closed_by_user(void **state)
{
	start_all();
	send_notice("warned", 2, 1);
	wait_for(&fixture.shown, 1);
	settle(fixture.session);
	assert_true(sd_bus_emit_signal(fixture.server, SERVER_PATH, SERVER_NAME,
				       "NotificationClosed", "uu", fixture.id, 2) >= 0);
	settle(fixture.server);
	settle(fixture.session);
	fixture.shown = 0;
	while (sd_event_run(fixture.event, 4 * USEC_PER_SEC) > 0)
		;
	assert_int_equal(fixture.shown, 0);
	send_notice("ending", 0, 1);
	wait_for(&fixture.shown, 1);
	assert_string_equal(fixture.summary, "You are being logged off.");
}

/* The logoff was requested before the user logged on. */
static void test_pending_at_start(void **state)
{
	fixture.pending = "warned";
	start_server();
	start_daemon();
	wait_for_summary("Logoff in 100 seconds");
	assert_string_equal(fixture.body, "Pending.");
}

static void test_daemon_restarts(void **state)
{
	start_all();
	send_notice("warned", 100, 1);
	wait_for(&fixture.shown, 1);
	close_bus(&fixture.daemon);
	start_daemon();
	wait_for(&fixture.subscriptions, 2);
	/* It has no request any more. */
	wait_for(&fixture.closed, 1);
	settle(fixture.notifier.manager.bus);
	send_notice("warned", 100, 2);
	wait_for(&fixture.shown, 2);
}

static void test_system_bus_restarts(void **state)
{
	start_all();
	fixture.notifier.manager.retry_time = 10 * USEC_PER_MSEC;
	private_bus_stop(&fixture.system_bus);
	close_bus(&fixture.daemon);
	private_bus_start(&fixture.system_bus);
	start_daemon();
	wait_for(&fixture.subscriptions, 2);
	settle(fixture.notifier.manager.bus);
	send_notice("warned", 100, 2);
	wait_for(&fixture.shown, 1);
}

static void test_server_restarts(void **state)
{
	start_all();
	send_notice("warned", 100, 1);
	wait_for(&fixture.shown, 1);
	close_bus(&fixture.server);
	start_server();
	wait_for(&fixture.shown, 2);
	assert_int_equal(fixture.replaced, 0);
	assert_int_equal(fixture.subscriptions, 1);
}

/* The host learns that a user without a notification server could not be notified. */
static void test_no_server(void **state)
{
	start_daemon();
	settle(fixture.session);
	settle(fixture.daemon);
	assert_int_equal(fixture.subscriptions, 0);
	start_server();
	wait_for(&fixture.subscriptions, 1);
}

static void test_notice_of_another_user(void **state)
{
	sd_bus *other = open_bus(&fixture.system_bus);

	start_all();
	send_notice_from(other, fixture.subscriber, "warned", 100, 1);
	settle(other);
	settle(fixture.notifier.manager.bus);
	assert_int_equal(fixture.shown, 0);
	close_bus(&other);
	send_notice("warned", 100, 2);
	wait_for(&fixture.shown, 1);
}

static void assert_countdown(uint64_t left, const char *text, uint64_t next)
{
	char found[DESKTOP_SUMMARY_SIZE];

	assert_int_equal(notifier_countdown(found, sizeof(found), left * USEC_PER_MSEC),
			 next * USEC_PER_MSEC);
	assert_string_equal(found, text);
}

static void test_texts(void **state)
{
	assert_countdown(600000, "Logoff in 10 minutes", 60000);
	assert_countdown(120001, "Logoff in 3 minutes", 1);
	assert_countdown(120000, "Logoff in 120 seconds", 10000);
	assert_countdown(45000, "Logoff in 50 seconds", 5000);
	assert_countdown(10000, "Logoff in 10 seconds", 1000);
	assert_countdown(1500, "Logoff in 2 seconds", 500);
	assert_countdown(1, "Logoff in 1 second", 1);
	assert_countdown(0, "You are being logged off.", 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),   TEST(test_warned),
		TEST(test_without_markup),      TEST(test_countdown),
		TEST(test_cancelled),           TEST(test_closed_by_user),
		TEST(test_pending_at_start),    TEST(test_daemon_restarts),
		TEST(test_system_bus_restarts), TEST(test_server_restarts),
		TEST(test_no_server),           TEST(test_notice_of_another_user),
	};

	return cmocka_run_group_tests_name("notifier", tests, NULL, NULL);
}
