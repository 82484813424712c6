// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The daemon's interface over a private bus (dbus-daemon) with a fake polkit on it. The engine and
 * its sessions are those of the fake system.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fake_system.h"
#include "private_bus.h"
#include "unit.h"
#include "userspace/guest/bus.h"
#include "userspace/shared/release.h"

/* The bus only accepts users that exist. */
#define ALICE 1
#define BOB   2

struct client {
	sd_bus *bus;
	char state[16], message[64];
	uint64_t deadline, id;
	unsigned int notices;

	unsigned int replies;
	sd_bus_message *reply; /* to the last call */
	char error[64];
};

static struct fixture {
	struct private_bus system_bus;
	sd_event *event;
	sd_bus *connection; /* of the daemon */
	struct bus bus;
	struct client root, alice, bob;

	sd_bus *polkit;
	unsigned int checks;
	char action[64];
	uint32_t flags;
	bool authorizes;
	bool hangs;

	int list_error;
	struct hv_logoff_report last; /* that the transport received */
} fixture;

static int report(void *userdata, const struct hv_logoff_report *report)
{
	fixture.last = *report;
	return 0;
}

static const struct logoff_transport transport = {.name = "kvp", .report = report};

static void on_changed(void)
{
	bus_update(&fixture.bus);
}

static int op_list(void *userdata)
{
	return fixture.list_error;
}

static int op_append_transports(void *userdata, sd_bus_message *reply)
{
	return sd_bus_message_append(reply, "a(sss)", 1, "kvp", "ready", "2");
}

static const struct bus_ops ops = {.list = op_list, .append_transports = op_append_transports};

static void run_until(const unsigned int *counter, unsigned int value)
{
	for (int i = 0; *counter < value; i++) {
		assert_true(i < 10000);
		assert_true(sd_event_run(fixture.event, 30 * USEC_PER_SEC) > 0);
	}
	assert_int_equal(*counter, value);
}

static int on_notice(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	struct client *client = userdata;
	const char *state, *message;

	assert_true(sd_bus_message_read(signal, "stst", &state, &client->deadline, &message,
					&client->id) > 0);
	snprintf(client->state, sizeof(client->state), "%s", state);
	snprintf(client->message, sizeof(client->message), "%s", message);
	client->notices++;
	return 0;
}

/* Only what is sent to this client, as a client of the real bus sees it. */
static void connect_client(struct client *client, uid_t uid)
{
	*client = (struct client){0};
	assert_int_equal(seteuid(uid), 0);
	assert_true(sd_bus_open_system(&client->bus) >= 0);
	assert_int_equal(seteuid(0), 0);
	assert_true(sd_bus_attach_event(client->bus, fixture.event, 0) >= 0);
	assert_true(sd_bus_match_signal_async(client->bus, NULL, BUS_NAME, BUS_PATH, BUS_INTERFACE,
					      "Notice", on_notice, NULL, client) >= 0);
}

static void disconnect_client(struct client *client)
{
	client->reply = sd_bus_message_unref(client->reply);
	client->bus = sd_bus_flush_close_unref(client->bus);
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct client *client = userdata;

	sd_bus_message_unref(client->reply);
	client->reply = sd_bus_message_ref(reply);
	snprintf(client->error, sizeof(client->error), "%s",
		 sd_bus_message_is_method_error(reply, NULL) ? sd_bus_message_get_error(reply)->name
							     : "");
	client->replies++;
	return 0;
}

static void start_call(struct client *client, const char *member, uint64_t id)
{
	assert_true(sd_bus_call_method_async(client->bus, NULL, BUS_NAME, BUS_PATH, BUS_INTERFACE,
					     member, on_reply, client, id ? "t" : "", id) >= 0);
}

static void call_with(struct client *client, const char *member, uint64_t id)
{
	start_call(client, member, id);
	run_until(&client->replies, client->replies + 1);
}

static void call(struct client *client, const char *member)
{
	call_with(client, member, 0);
	assert_string_equal(client->error, "");
}

static void assert_refused(struct client *client, const char *error)
{
	assert_string_equal(client->error, error);
}

/* Everything that was sent before has been received, since the bus keeps the order. */
static void assert_notices(struct client *client, unsigned int notices)
{
	call(client, "Subscribe");
	assert_int_equal(client->notices, notices);
}

static int on_polkit(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	const char *kind, *name, *sender, *action;

	if (!sd_bus_message_is_method_call(message, "org.freedesktop.PolicyKit1.Authority",
					   "CheckAuthorization"))
		return 0;
	assert_true(sd_bus_message_read(message, "(sa{sv})sa{ss}us", &kind, 1, &name, "s", &sender,
					&action, 0, &fixture.flags, NULL) > 0);
	assert_string_equal(kind, "system-bus-name");
	assert_int_equal(sender[0], ':');
	snprintf(fixture.action, sizeof(fixture.action), "%s", action);
	fixture.checks++;
	if (fixture.hangs)
		return 1;
	return sd_bus_reply_method_return(message, "(bba{ss})", fixture.authorizes, false, 0);
}

static void start_polkit(void)
{
	assert_true(sd_bus_open_system(&fixture.polkit) >= 0);
	assert_true(sd_bus_request_name(fixture.polkit, "org.freedesktop.PolicyKit1", 0) >= 0);
	assert_true(sd_bus_add_filter(fixture.polkit, NULL, on_polkit, NULL) >= 0);
	assert_true(sd_bus_attach_event(fixture.polkit, fixture.event, 0) >= 0);
}

static int on_ready(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	unsigned int *ready = userdata;
	const char *owner;

	if (sd_bus_message_read(reply, "s", &owner) > 0 && owner[0])
		(*ready)++;
	return 0;
}

/* Returns once the name is owned, or the bus has refused it. */
static void connect_daemon(void)
{
	unsigned int ready = 0;

	assert_true(sd_bus_open_system(&fixture.connection) >= 0);
	assert_true(sd_bus_attach_event(fixture.connection, fixture.event, 0) >= 0);
	bus_connected(&fixture.bus, fixture.connection);
	/* Sent after the request for the name, on the same connection. */
	assert_true(sd_bus_call_method_async(fixture.connection, NULL, "org.freedesktop.DBus",
					     "/org/freedesktop/DBus", "org.freedesktop.DBus",
					     "GetNameOwner", on_ready, &ready, "s", BUS_NAME) >= 0);
	run_until(&ready, 1);
}

static void disconnect_daemon(void)
{
	bus_disconnected(&fixture.bus);
	fixture.connection = sd_bus_close_unref(fixture.connection);
}

static int setup(void **state)
{
	fixture = (struct fixture){0};
	if (fake_system_init() < 0 ||
	    private_bus_init(&fixture.system_bus, PRIVATE_SYSTEM_BUS) < 0 ||
	    sd_event_new(&fixture.event) < 0)
		return -1;
	fake.changed = on_changed;
	private_bus_start(&fixture.system_bus);
	bus_init(&fixture.bus, &ops, NULL, &fake.engine, &fake.config);
	connect_daemon();
	connect_client(&fixture.root, 0);
	connect_client(&fixture.alice, ALICE);
	connect_client(&fixture.bob, BOB);
	return 0;
}

static int teardown(void **state)
{
	fake_system_done();
	disconnect_daemon();
	disconnect_client(&fixture.root);
	disconnect_client(&fixture.alice);
	disconnect_client(&fixture.bob);
	sd_bus_flush_close_unref(fixture.polkit);
	private_bus_done(&fixture.system_bus);
	sd_event_unref(fixture.event);
	return 0;
}

static void open_sessions_of(uid_t alice, uid_t bob)
{
	add_session("1", "alice", BY_SIGNAL)->uid = alice;
	add_session("2", "bob", BY_SIGNAL)->uid = bob;
}

static void request(uint32_t flags, uint32_t grace, const char *user)
{
	struct logoff_request request = {.flags = flags, .timeout = 60, .grace = grace};

	snprintf(request.id, sizeof(request.id), "b7d1");
	snprintf(request.message, sizeof(request.message), "Maintenance.");
	snprintf(request.user, sizeof(request.user), "%s", user);
	assert_int_equal(engine_request(&fake.engine, &transport, NULL, &request), 0);
}

static uint64_t now_realtime(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000;
}

static void test_notices(void **state)
{
	struct client *alice = &fixture.alice;
	uint64_t before = now_realtime();

	open_sessions_of(ALICE, BOB);
	call(alice, "Subscribe");
	call(&fixture.root, "Subscribe");
	request(0, 30, "");
	run_for(1);
	run_until(&alice->notices, 1);
	assert_string_equal(alice->state, "warned");
	assert_string_equal(alice->message, "Maintenance.");
	assert_true(alice->id > 0);
	assert_true(alice->deadline >= before + 30 * USEC_PER_SEC);
	assert_true(alice->deadline <= now_realtime() + 30 * USEC_PER_SEC);
	run_for(40);
	run_until(&alice->notices, 3);
	assert_string_equal(alice->state, "done");
	/* Bob has not subscribed, and the request does not concern root. */
	assert_notices(&fixture.bob, 0);
	assert_notices(&fixture.root, 0);
}

static void test_notice_of_others(void **state)
{
	open_sessions_of(ALICE, BOB);
	call(&fixture.alice, "Subscribe");
	call(&fixture.bob, "Subscribe");
	request(0, 5, "bob");
	run_for(60);
	run_until(&fixture.bob.notices, 3);
	assert_notices(&fixture.alice, 0);
}

static void read_notice(struct client *client, const char *expected)
{
	const char *state, *message;
	uint64_t deadline, id;

	assert_true(sd_bus_message_read(client->reply, "stst", &state, &deadline, &message, &id) >
		    0);
	assert_string_equal(state, expected);
	assert_string_equal(message, expected[0] ? "Maintenance." : "");
	assert_int_equal(!deadline, !expected[0]);
	assert_int_equal(!id, !expected[0]);
}

static void test_subscribe_during_request(void **state)
{
	open_sessions_of(ALICE, BOB);
	call(&fixture.alice, "Subscribe");
	read_notice(&fixture.alice, "");
	request(0, 30, "alice");
	run_for(1);
	assert_false(bus_reaches(&fixture.bus, BOB));
	call(&fixture.bob, "Subscribe");
	read_notice(&fixture.bob, "");
	assert_true(bus_reaches(&fixture.bus, ALICE) && bus_reaches(&fixture.bus, BOB));
	disconnect_client(&fixture.bob);
	connect_client(&fixture.bob, ALICE);
	call(&fixture.bob, "Subscribe");
	read_notice(&fixture.bob, "warned");
	assert_false(bus_reaches(&fixture.bus, BOB));
	/* It has had this notice already. */
	assert_notices(&fixture.bob, 0);
}

/* A user cannot end another one's subscription. */
static void test_forged_end_of_connection(void **state)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *signal = NULL;
	const char *alice, *daemon;

	call(&fixture.alice, "Subscribe");
	assert_true(sd_bus_get_unique_name(fixture.alice.bus, &alice) >= 0);
	assert_true(sd_bus_get_unique_name(fixture.connection, &daemon) >= 0);
	assert_true(sd_bus_message_new_signal(fixture.bob.bus, &signal, "/org/freedesktop/DBus",
					      "org.freedesktop.DBus", "NameOwnerChanged") >= 0);
	assert_true(sd_bus_message_append(signal, "sss", alice, alice, "") >= 0);
	assert_true(sd_bus_message_set_destination(signal, daemon) >= 0);
	assert_true(sd_bus_send(fixture.bob.bus, signal, NULL) >= 0);
	call(&fixture.bob, "Subscribe");
	assert_true(bus_reaches(&fixture.bus, ALICE));
}

static void test_logon_during_grace(void **state)
{
	open_sessions_of(ALICE, BOB);
	fake_session_by_id("2")->open = false;
	fake_session_by_id("2")->opens_at = fake.time + 5 * USEC_PER_SEC;
	call(&fixture.bob, "Subscribe");
	request(0, 30, "");
	run_for(3);
	assert_notices(&fixture.bob, 0);
	run_for(10);
	run_until(&fixture.bob.notices, 1);
	assert_string_equal(fixture.bob.state, "warned");
}

static void test_notice_of_cancellation(void **state)
{
	open_sessions_of(ALICE, BOB);
	call(&fixture.alice, "Subscribe");
	request(0, 30, "");
	run_for(1);
	engine_cancel(&fake.engine, &transport, HV_LOGOFF_CANCEL_HOST);
	run_until(&fixture.alice.notices, 2);
	assert_string_equal(fixture.alice.state, "cancelled");
}

/* The machine is suspended, or another daemon takes over. */
static void test_dropped_request(void **state)
{
	uint64_t id;

	open_sessions_of(ALICE, BOB);
	call(&fixture.alice, "Subscribe");
	request(0, 30, "");
	run_for(1);
	run_until(&fixture.alice.notices, 1);
	id = fixture.alice.id;
	engine_drop(&fake.engine);
	run_until(&fixture.alice.notices, 2);
	assert_string_equal(fixture.alice.state, "cancelled");
	assert_int_equal(fixture.alice.id, id);
}

static void test_dry_run_is_not_noticed(void **state)
{
	open_sessions_of(ALICE, BOB);
	call(&fixture.alice, "Subscribe");
	request(HV_LOGOFF_DRY_RUN, 30, "");
	run_for(60);
	assert_int_equal(fixture.last.state, HV_LOGOFF_DONE);
	assert_notices(&fixture.alice, 0);
}

static void test_notice_disabled(void **state)
{
	fake.config.notice = false;
	open_sessions_of(ALICE, BOB);
	call(&fixture.alice, "Subscribe");
	request(0, 30, "");
	run_for(60);
	assert_notices(&fixture.alice, 0);
}

static void test_subscribers_are_limited(void **state)
{
	struct client clients[BUS_SUBSCRIBERS_MAX_PER_USER + 1];

	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		connect_client(&clients[i], ALICE);
	for (size_t i = 0; i < BUS_SUBSCRIBERS_MAX_PER_USER; i++)
		call(&clients[i], "Subscribe");
	/* One more connection, but not one more call. */
	call(&clients[0], "Subscribe");
	call_with(&clients[BUS_SUBSCRIBERS_MAX_PER_USER], "Subscribe", 0);
	assert_refused(&clients[BUS_SUBSCRIBERS_MAX_PER_USER], SD_BUS_ERROR_LIMITS_EXCEEDED);
	call(&fixture.bob, "Subscribe");
	disconnect_client(&clients[0]);
	/* The bus tells the daemon of the end first. */
	call(&clients[BUS_SUBSCRIBERS_MAX_PER_USER], "Subscribe");
	for (size_t i = 1; i < ARRAY_SIZE(clients); i++)
		disconnect_client(&clients[i]);
}

static void find_in_status(sd_bus_message *reply, const char *key, const char *type, void *value)
{
	const char *found;

	sd_bus_message_rewind(reply, true);
	assert_true(sd_bus_message_enter_container(reply, 'a', "{sv}") > 0);
	while (sd_bus_message_enter_container(reply, 'e', "sv") > 0) {
		assert_true(sd_bus_message_read(reply, "s", &found) > 0);
		if (!strcmp(found, key)) {
			assert_true(sd_bus_message_read(reply, "v", type, value) > 0);
			return;
		}
		sd_bus_message_skip(reply, "v");
		sd_bus_message_exit_container(reply);
	}
	fail_msg("no %s", key);
}

static void assert_status(const char *key, const char *expected)
{
	const char *value;

	find_in_status(fixture.root.reply, key, "s", &value);
	assert_string_equal(value, expected);
}

static uint64_t status_id(void)
{
	uint64_t id = 0;

	call(&fixture.root, "GetStatus");
	find_in_status(fixture.root.reply, "Id", "t", &id);
	return id;
}

static void test_status(void **state)
{
	uint32_t found;

	open_sessions_of(ALICE, BOB);
	call(&fixture.root, "GetStatus");
	assert_status("Version", RELEASE);
	request(0, 30, "");
	run_for(1);
	call(&fixture.root, "GetStatus");
	assert_status("HostId", "b7d1");
	assert_status("Transport", "kvp");
	assert_status("State", "grace");
	find_in_status(fixture.root.reply, "Found", "u", &found);
	assert_int_equal(found, 2);
	assert_true(status_id() > 0);
}

static void add_to(struct session_list *list, const char *id, uid_t uid, const char *user,
		   const char *class)
{
	struct session session;

	assert_int_equal(session_init(&session, id, uid, user, class, "", "pts/1", 7), 0);
	assert_int_equal(session_list_add(list, &session), 0);
}

static void assert_target(const char *id, const char *reason)
{
	const char *found_id, *found_reason;

	assert_true(sd_bus_message_read(fixture.root.reply, "(sussss)", &found_id, NULL, NULL, NULL,
					NULL, &found_reason) > 0);
	assert_string_equal(found_id, id);
	assert_string_equal(found_reason, reason);
}

static void wait_for_listing(void)
{
	/* The engine is not asked before the bus has answered who calls. */
	for (int i = 0; i < 20; i++)
		sd_event_run(fixture.event, 10 * USEC_PER_MSEC);
}

static void test_targets(void **state)
{
	static const char config[] = "[Logoff]\nExemptUsers=bob\n";
	struct session_list list = {0};

	config_done(&fake.config);
	assert_int_equal(config_parse(&fake.config, "x.conf", config, sizeof(config) - 1, stderr),
			 0);
	add_to(&list, "1", ALICE, "alice", "user");
	add_to(&list, "2", BOB, "bob", "user");
	add_to(&list, "3", ALICE, "alice", "manager");
	add_to(&list, "c1", 110, "gdm", "greeter");
	start_call(&fixture.root, "ListTargets", 0);
	wait_for_listing();
	bus_listed(&fixture.bus, &list, 0);
	run_until(&fixture.root.replies, 1);
	assert_string_equal(fixture.root.error, "");
	assert_true(sd_bus_message_enter_container(fixture.root.reply, 'a', "(sussss)") > 0);
	assert_target("1", "");
	assert_target("2", "user");
	assert_target("c1", "class");
	assert_int_equal(sd_bus_message_at_end(fixture.root.reply, false), 1);
	session_list_done(&list);
}

static void test_targets_without_logind(void **state)
{
	fixture.list_error = -ENOTCONN;
	call_with(&fixture.root, "ListTargets", 0);
	assert_string_not_equal(fixture.root.error, "");
	fixture.list_error = 0;
	start_call(&fixture.root, "ListTargets", 0);
	wait_for_listing();
	bus_listed(&fixture.bus, NULL, -ETIMEDOUT);
	run_until(&fixture.root.replies, 2);
	assert_refused(&fixture.root, SD_BUS_ERROR_TIMEOUT);
}

static void test_cancel(void **state)
{
	uint64_t id;

	open_sessions_of(ALICE, BOB);
	call_with(&fixture.root, "Cancel", 1);
	assert_refused(&fixture.root, BUS_NO_REQUEST);
	request(0, 30, "");
	run_for(1);
	id = status_id();
	call_with(&fixture.root, "Cancel", id + 1);
	assert_refused(&fixture.root, BUS_NO_REQUEST);
	call_with(&fixture.root, "Cancel", id);
	assert_string_equal(fixture.root.error, "");
	assert_int_equal(fixture.last.state, HV_LOGOFF_DONE);
	assert_int_equal(fixture.last.result, HV_LOGOFF_E_CANCELLED);
	assert_int_equal(fake.engine.phase, ENGINE_IDLE);
	assert_non_null(strstr(fake_session_by_id("1")->notice, "cancelled"));
	call_with(&fixture.root, "Cancel", id);
	assert_refused(&fixture.root, BUS_NO_REQUEST);
}

static void test_cancel_too_late(void **state)
{
	open_sessions_of(ALICE, BOB);
	fake_session_by_id("1")->ends_by = BY_NOTHING;
	request(0, 5, "");
	run_for(10);
	assert_int_equal(fake.engine.phase, ENGINE_ENDING);
	call_with(&fixture.root, "Cancel", status_id());
	assert_refused(&fixture.root, BUS_TOO_LATE);
	assert_int_equal(fake.engine.phase, ENGINE_ENDING);
}

static void test_others_need_polkit(void **state)
{
	uint64_t id;

	open_sessions_of(ALICE, BOB);
	request(0, 30, "");
	run_for(1);
	id = status_id();
	/* Without polkit, only root may. */
	call_with(&fixture.alice, "Cancel", id);
	assert_refused(&fixture.alice, SD_BUS_ERROR_ACCESS_DENIED);
	call_with(&fixture.alice, "GetStatus", 0);
	assert_refused(&fixture.alice, SD_BUS_ERROR_ACCESS_DENIED);
	start_polkit();
	call_with(&fixture.alice, "ListTargets", 0);
	assert_refused(&fixture.alice, SD_BUS_ERROR_ACCESS_DENIED);
	assert_string_equal(fixture.action, "org.hv_logoff1.inspect");
	call_with(&fixture.alice, "Cancel", id);
	assert_refused(&fixture.alice, SD_BUS_ERROR_ACCESS_DENIED);
	assert_string_equal(fixture.action, "org.hv_logoff1.cancel");
	assert_int_equal(fixture.flags, 0);
	assert_int_equal(fixture.checks, 2);
	assert_int_equal(fake.engine.phase, ENGINE_GRACE);
	fixture.authorizes = true;
	sd_bus_set_allow_interactive_authorization(fixture.alice.bus, true);
	call_with(&fixture.alice, "Cancel", id);
	assert_string_equal(fixture.alice.error, "");
	assert_int_equal(fixture.flags, 1);
	assert_int_equal(fixture.last.result, HV_LOGOFF_E_CANCELLED);
	assert_string_equal(fixture.last.text,
			    "Cancelled in the guest by UID 1; nobody was logged off.");
}

static void test_request_ends_while_polkit_asks(void **state)
{
	open_sessions_of(ALICE, BOB);
	request(0, 30, "");
	run_for(1);
	fixture.hangs = true;
	start_polkit();
	start_call(&fixture.alice, "Cancel", status_id());
	run_until(&fixture.checks, 1);
	engine_drop(&fake.engine);
	/* The bus answers all calls that wait for polkit when it leaves. */
	fixture.polkit = sd_bus_flush_close_unref(fixture.polkit);
	run_until(&fixture.alice.replies, 1);
	assert_refused(&fixture.alice, SD_BUS_ERROR_ACCESS_DENIED);
}

static void test_calls_are_limited(void **state)
{
	fixture.hangs = true;
	start_polkit();
	for (int i = 0; i < 4; i++)
		start_call(&fixture.alice, "GetStatus", 0);
	run_until(&fixture.checks, 4);
	call_with(&fixture.alice, "GetStatus", 0);
	assert_refused(&fixture.alice, SD_BUS_ERROR_LIMITS_EXCEEDED);
	/* Nobody else has to wait. */
	call(&fixture.root, "GetStatus");
	call(&fixture.bob, "Subscribe");
	assert_int_equal(fixture.checks, 4);
}

static void test_bus_restarts(void **state)
{
	open_sessions_of(ALICE, BOB);
	call(&fixture.alice, "Subscribe");
	private_bus_stop(&fixture.system_bus);
	disconnect_daemon();
	disconnect_client(&fixture.alice);
	/* A request is carried out without the bus. */
	request(0, 5, "");
	run_for(60);
	assert_int_equal(fixture.last.result, HV_LOGOFF_S_OK);
	private_bus_start(&fixture.system_bus);
	connect_daemon();
	connect_client(&fixture.alice, ALICE);
	call(&fixture.alice, "Subscribe");
}

/* As while one daemon replaces another. */
static void test_name_is_taken(void **state)
{
	sd_bus *other = NULL;

	disconnect_daemon();
	assert_true(sd_bus_open_system(&other) >= 0);
	assert_true(sd_bus_request_name(other, BUS_NAME, 0) >= 0);
	connect_daemon();
	/* The answer comes after the change of the owner. Closing the connection has no answer. */
	assert_true(sd_bus_release_name(other, BUS_NAME) >= 0);
	call(&fixture.alice, "Subscribe");
	sd_bus_flush_close_unref(other);
}

static void test_without_root(void **state)
{
	skip();
}

int main(void)
{
	static const struct CMUnitTest without_root[] = {cmocka_unit_test(test_without_root)};
	static const struct CMUnitTest tests[] = {
		TEST(test_notices),
		TEST(test_notice_of_others),
		TEST(test_subscribe_during_request),
		TEST(test_forged_end_of_connection),
		TEST(test_logon_during_grace),
		TEST(test_notice_of_cancellation),
		TEST(test_dropped_request),
		TEST(test_dry_run_is_not_noticed),
		TEST(test_notice_disabled),
		TEST(test_subscribers_are_limited),
		TEST(test_status),
		TEST(test_targets),
		TEST(test_targets_without_logind),
		TEST(test_cancel),
		TEST(test_cancel_too_late),
		TEST(test_others_need_polkit),
		TEST(test_request_ends_while_polkit_asks),
		TEST(test_calls_are_limited),
		TEST(test_bus_restarts),
		TEST(test_name_is_taken),
	};

	/* Other users connect, too. */
	if (geteuid() != 0)
		return cmocka_run_group_tests_name("bus", without_root, NULL, NULL);
	return cmocka_run_group_tests_name("bus", tests, NULL, NULL);
}
