// SPDX-License-Identifier: GPL-2.0-or-later
/* One logoff by KVP, with a fake host: its items, its errors and its clocks. */
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "userspace/host/libvmguestos/transport/kvp_machine.h"
#include "userspace/shared/utc.h"

#define ID        "0000000000000abc"
#define BOOT      " boot=b0-1 time=2026-11-22T16:00:03Z"
#define BUSY_TEXT "The guest is carrying out another request."
#define IDLE      "v=1 state=idle accepts=2" BOOT

static struct fake {
	struct kvp_host iface;
	struct kvp_guest_items guest;
	char answer[KVP_TEXT_MAX + 1]; /* the guest's item */
	const char *sessions[KVP_SESSIONS_MAX];
	char item[KVP_TEXT_MAX + 1]; /* the host's item */
	char outcomes[256];
	unsigned int puts;
	HRESULT get_error, put_error;
	int64_t now_ms, time;
} fake;

static struct kvp_machine machine;

static const char *value(const struct kvp_guest_items *items, const char *name)
{
	assert_ptr_equal(items, &fake.guest);
	for (unsigned int i = 0; i < KVP_SESSIONS_MAX; i++) {
		char key[KVP_SESSIONS_KEY_SIZE];

		kvp_sessions_key(key, i + 1);
		if (strcmp(name, key) == 0)
			return fake.sessions[i] ? fake.sessions[i] : "";
	}
	assert_string_equal(name, KVP_ANSWER_KEY);
	return fake.answer;
}

static void session(struct kvp_host *host, const VMSessionResult *session)
{
	size_t used = strlen(fake.outcomes);

	assert_ptr_equal(host, &fake.iface);
	assert_false(machine.report.complete);
	snprintf(fake.outcomes + used, sizeof(fake.outcomes) - used, "%d %s %s %u;",
		 (int)session->outcome, session->session, session->user, session->uid);
}

static HRESULT get(struct kvp_host *host, const char *name, char text[KVP_TEXT_MAX + 1])
{
	assert_string_equal(name, KVP_REQUEST_KEY);
	memcpy(text, fake.item, sizeof(fake.item));
	return fake.get_error;
}

static HRESULT put(struct kvp_host *host, const char *name, const char *text)
{
	assert_string_equal(name, KVP_REQUEST_KEY);
	fake.puts++;
	if (fake.put_error == S_OK)
		snprintf(fake.item, sizeof(fake.item), "%s", text);
	return fake.put_error;
}

static const char *error_text(struct kvp_host *host)
{
	return FAILED(fake.put_error) ? "No." : "";
}

static int64_t now_ms(struct kvp_host *host)
{
	return fake.now_ms;
}

static int64_t host_time(struct kvp_host *host)
{
	return fake.time;
}

/* "@" is the id of the current request. */
static void answer(const char *text)
{
	const char *place = strchr(text, '@');

	if (place)
		snprintf(fake.answer, sizeof(fake.answer), "%.*s%s%s", (int)(place - text), text,
			 machine.request.id, place + 1);
	else
		snprintf(fake.answer, sizeof(fake.answer), "%s", text);
}

static void poll_with(const char *text)
{
	answer(text);
	kvp_machine_poll(&machine, &fake.guest);
}

static HRESULT begin_with(const VMLogoffOptions *options)
{
	kvp_machine_init(&machine, &fake.iface, 0xabc, options);
	return kvp_machine_begin(&machine, &fake.guest);
}

/* A guest that is idle, and the request has been issued to it at the time of its answer. */
static void begin(void)
{
	const VMLogoffOptions options = {.size = sizeof(options), .timeout = 60, .grace = 20};

	assert_int_equal(begin_with(&options), S_OK);
	assert_false(machine.report.complete);
}

static int setup(void **state)
{
	fake = (struct fake){
		.iface = {.get = get,
			  .put = put,
			  .error_text = error_text,
			  .session = session,
			  .now_ms = now_ms,
			  .time = host_time},
		.guest.value = value,
		.now_ms = 1000,
		.time = 1700000000,
	};
	vmg_kvp_times = (struct kvp_times){
		.poll_ms = 500, .life = 120, .backstop_ms = 30000, .sessions_ms = 5000};
	answer(IDLE);
	return 0;
}

static void assert_ended(HRESULT error, const char *text)
{
	assert_true(machine.report.complete);
	assert_int_equal(machine.report.error, error);
	assert_int_equal(machine.report.state, vmLogoffState_Done);
	assert_string_equal(machine.report.text, text);
}

static void assert_item(const char *part)
{
	if (!strstr(fake.item, part))
		fail_msg("\"%s\" does not contain \"%s\"", fake.item, part);
}

static void from_start_to_end(void **state)
{
	begin();
	assert_string_equal(fake.item, "v=1 id=" ID "-1 issued=2026-11-22T16:00:03Z life=120 "
				       "do=logoff boot=b0-1 timeout=60 grace=20");
	poll_with("v=1 id=@ state=delivered percent=0 found=0 ended=0 failed=0" BOOT " text=It.");
	assert_int_equal(machine.report.state, vmLogoffState_Delivered);
	assert_string_equal(machine.report.text, "It.");
	poll_with("v=1 id=@ state=ending percent=40 found=3 ended=2 failed=1" BOOT " text=Ends.");
	assert_int_equal(machine.report.state, vmLogoffState_Ending);
	assert_int_equal(machine.report.percent, 40);
	assert_int_equal(machine.report.found, 3);
	assert_int_equal(machine.report.ended, 2);
	assert_int_equal(machine.report.failed, 1);
	/* A state of a later version leaves the one before. */
	poll_with("v=1 id=@ state=later percent=41" BOOT " text=");
	assert_int_equal(machine.report.state, vmLogoffState_Ending);
	assert_int_equal(fake.puts, 1);
	poll_with("v=1 id=@ state=done percent=100 found=3 ended=3 failed=0 result=0x00000000" BOOT
		  " text=All.");
	assert_ended(S_OK, "All.");
	assert_int_equal(machine.report.ended, 3);
	assert_string_equal(fake.item, "v=1 id=" ID "-1 issued=2026-11-22T16:00:03Z life=120 "
				       "do=forget boot=b0-1");
	/* Nothing changes after the end. */
	poll_with("v=1 id=@ state=done result=0x80004005 text=Other.");
	kvp_machine_fail(&machine, E_FAIL, "Other.");
	assert_ended(S_OK, "All.");
	assert_int_equal(fake.puts, 2);
}

/* The later one of the host's time and the guest's. */
static void time_of_issue(void **state)
{
	fake.time = 2000000000;
	begin();
	assert_item("issued=2033-05-18T03:33:20Z");
	answer("v=1 state=idle");
	begin();
	assert_item("issued=2033-05-18T03:33:20Z life=120 do=logoff timeout");
}

static void all_options(void **state)
{
	const VMLogoffOptions options = {
		.size = sizeof(options),
		.flags = VM_LOGOFF_FORCE | VM_LOGOFF_DRY_RUN | VM_LOGOFF_INCLUDE_LINGERING |
			 VM_LOGOFF_NO_LOGINS | VM_LOGOFF_VIA_KVP,
		.timeout = 5,
		.message = "a \"b\" id=1",
		.user = "jane doe",
		.session = "c2",
	};

	assert_int_equal(begin_with(&options), S_OK);
	assert_item("v=2 id=" ID "-1 ");
	assert_item("timeout=5 grace=0 force=yes dry-run=yes include-lingering=yes no-logins=yes "
		    "user=\"jane doe\" session=c2 message=a \"b\" id=1");
}

static void too_long(void **state)
{
	char message[VM_LOGOFF_MESSAGE_MAX + 1] = "";
	const VMLogoffOptions options = {.size = sizeof(options), .timeout = 5, .message = message};

	memset(message, 'x', sizeof(message) - 1);
	assert_int_equal(begin_with(&options), E_INVALIDARG);
	assert_string_equal(machine.report.text,
			    "The request is too long for KVP; shorten the message.");
	assert_int_equal(fake.puts, 0);
}

static void guests_without_an_answer(void **state)
{
	static const char *const answers[] = {"", "v=2 state=idle", "state=idle", "\xff\x01",
					      "v=1"};
	const VMLogoffOptions options = {.size = sizeof(options), .timeout = 60};

	assert_true(kvp_machine_is_available(&fake.guest));
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		answer(answers[i]);
		assert_false(kvp_machine_is_available(&fake.guest));
		assert_int_equal(begin_with(&options), VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	}
	assert_int_equal(fake.puts, 0);
}

static void older_daemon(void **state)
{
	static const char text[] = "hv-logoff in the guest is older than 1.2 and does not support "
				   "preventing logins; update it, or omit this option.";
	const VMLogoffOptions options = {
		.size = sizeof(options), .timeout = 60, .flags = VM_LOGOFF_NO_LOGINS};

	answer("v=1 state=idle" BOOT);
	assert_int_equal(begin_with(&options), HRESULT_FROM_WIN32(ERROR_REVISION_MISMATCH));
	assert_string_equal(machine.report.text, text);
	assert_int_equal(fake.puts, 0);
	/* It was replaced by an older one after its answer was read. */
	answer(IDLE);
	assert_int_equal(begin_with(&options), S_OK);
	poll_with("v=1 id=@ state=done result=0x8007051a text=Version 2.");
	assert_ended(HRESULT_FROM_WIN32(ERROR_REVISION_MISMATCH), text);
	/* Without such an option, the text is the guest's. */
	answer(IDLE);
	begin();
	poll_with("v=1 id=@ state=done result=0x8007051a text=Version 1.");
	assert_ended(HRESULT_FROM_WIN32(ERROR_REVISION_MISMATCH), "Version 1.");
}

static void busy_before_it_is_issued(void **state)
{
	const VMLogoffOptions options = {.size = sizeof(options), .timeout = 60};

	answer("v=1 id=other state=grace percent=4 text=");
	assert_int_equal(begin_with(&options), S_OK);
	assert_ended(HRESULT_FROM_WIN32(ERROR_BUSY), BUSY_TEXT);
	assert_int_equal(fake.puts, 0);
	/* An answer that is complete is of an earlier request. */
	answer("v=1 id=other state=done result=0x00000000 text=");
	begin();
}

static void busy_after_it_is_issued(void **state)
{
	begin();
	poll_with("v=1 id=other state=ending busy=@ percent=4 text=");
	assert_ended(HRESULT_FROM_WIN32(ERROR_BUSY), BUSY_TEXT);
	assert_item("do=forget");
}

static void another_request_replaces_it(void **state)
{
	static const char other[] = "v=1 id=other do=logoff";

	begin();
	snprintf(fake.item, sizeof(fake.item), "%s", other);
	poll_with(IDLE);
	assert_ended(HRESULT_FROM_WIN32(ERROR_BUSY), "Another request has replaced this one.");
	/* Once it has begun, it continues; its end does not affect the other one. */
	begin();
	poll_with("v=1 id=@ state=ending percent=4 text=");
	snprintf(fake.item, sizeof(fake.item), "%s", other);
	poll_with("v=1 id=@ state=ending percent=5 text=");
	assert_false(machine.report.complete);
	poll_with("v=1 id=@ state=done result=0x00000000 text=");
	assert_ended(S_OK, "");
	assert_string_equal(fake.item, other);
	/* It is not issued again in place of the other one. */
	answer(IDLE);
	begin();
	snprintf(fake.item, sizeof(fake.item), "%s", other);
	poll_with("v=1 id=@ state=done result=0x80070576" BOOT " text=A.");
	assert_ended(HRESULT_FROM_WIN32(ERROR_BUSY), "Another request has replaced this one.");
	assert_string_equal(fake.item, other);
	/* An id that is only part of another one is not this request's. */
	begin();
	snprintf(fake.item, sizeof(fake.item), "v=1 id=" ID "-10 do=logoff");
	poll_with(IDLE);
	assert_ended(HRESULT_FROM_WIN32(ERROR_BUSY), "Another request has replaced this one.");
}

static void refused_by_the_guest(void **state)
{
	begin();
	poll_with("v=1 id=@ state=done result=0x80070005 text=Not by KVP.");
	assert_ended(E_ACCESSDENIED, "Not by KVP.");
	assert_item("do=forget");
}

/* Each of the two results of a clock that is wrong. */
static void clocks(void **state)
{
	static const char *const refusals[] = {
		"v=1 id=@ state=done result=0x80070576 boot=b0-2 time=2025-11-22T16:00:03Z text=A.",
		"v=1 id=@ state=done result=0x800705b4 boot=b0-2 time=2025-11-22T16:00:03Z text=A.",
	};

	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		answer(IDLE);
		begin();
		fake.now_ms += 60000;
		poll_with(refusals[i]);
		assert_false(machine.report.complete);
		assert_item("id=" ID "-2 issued=2025-11-22T16:00:03Z life=120 do=logoff boot=b0-2");
		/* The answer is still that of the first one. */
		kvp_machine_poll(&machine, &fake.guest);
		assert_false(machine.report.complete);
		/* The guest has the time again to begin. */
		fake.now_ms += 119000;
		kvp_machine_poll(&machine, &fake.guest);
		assert_false(machine.report.complete);
		/* Only once. */
		poll_with(refusals[i]);
		assert_ended(i ? HRESULT_FROM_WIN32(ERROR_TIMEOUT)
			       : HRESULT_FROM_WIN32(ERROR_TIME_SKEW),
			     "A.");
		assert_item("id=" ID "-2 issued=2025-11-22T16:00:03Z life=120 do=forget boot=b0-2");
	}
}

static void clocks_without_a_second_attempt(void **state)
{
	char item[KVP_TEXT_MAX + 1];

	/* The guest does not report its time. */
	begin();
	poll_with("v=1 id=@ state=done result=0x80070576 text=A.");
	assert_ended(HRESULT_FROM_WIN32(ERROR_TIME_SKEW), "A.");
	/* The request was cancelled. */
	answer(IDLE);
	begin();
	kvp_machine_cancel(&machine, item);
	poll_with("v=1 id=@ state=done result=0x80070576" BOOT " text=A.");
	assert_ended(HRESULT_FROM_WIN32(ERROR_TIME_SKEW), "A.");
	/* The host refuses the second one. */
	answer(IDLE);
	begin();
	fake.put_error = E_ACCESSDENIED;
	poll_with("v=1 id=@ state=done result=0x80070576" BOOT " text=A.");
	assert_ended(E_ACCESSDENIED, "No.");
}

static void no_answer(void **state)
{
	begin();
	fake.now_ms += 120000;
	kvp_machine_poll(&machine, &fake.guest);
	assert_false(machine.report.complete);
	fake.now_ms++;
	kvp_machine_poll(&machine, &fake.guest);
	assert_ended(VM_E_TIMED_OUT, "The guest did not accept the request; check that "
				     "hv_kvp_daemon and hv-logoffd are running in it.");
	assert_string_equal(fake.item, "v=1 id=" ID "-1 issued=2026-11-22T16:00:03Z life=120 "
				       "do=cancel boot=b0-1");
}

/* The guest observes the timeout; the host waits a while longer. */
static void no_further_answer(void **state)
{
	begin();
	fake.now_ms += 119000;
	poll_with("v=1 id=@ state=ending percent=4 text=");
	fake.now_ms += 90000;
	kvp_machine_poll(&machine, &fake.guest);
	assert_false(machine.report.complete);
	fake.now_ms++;
	kvp_machine_poll(&machine, &fake.guest);
	assert_ended(VM_E_TIMED_OUT, "The guest did not answer in time; check that it is running.");
	assert_item("do=logoff");
}

/* The answer of the last poll counts, even if it is late. */
static void late_answer(void **state)
{
	begin();
	fake.now_ms += 1000000;
	poll_with("v=1 id=@ state=done result=0x00000000 text=All.");
	assert_ended(S_OK, "All.");
}

static void cancel_before_it_begins(void **state)
{
	char item[KVP_TEXT_MAX + 1];

	begin();
	kvp_machine_cancel(&machine, item);
	assert_string_equal(item, "v=1 id=" ID "-1 issued=2026-11-22T16:00:03Z life=120 do=cancel "
				  "boot=b0-1");
	assert_int_equal(fake.puts, 1);
	snprintf(fake.item, sizeof(fake.item), "%s", item);
	kvp_machine_poll(&machine, &fake.guest);
	assert_false(machine.report.complete);
	poll_with("v=1 id=@ state=done result=0x800704c7 text=Cancelled.");
	assert_ended(HRESULT_FROM_WIN32(ERROR_CANCELLED), "Cancelled.");
}

static void cancel_in_the_grace_period(void **state)
{
	char item[KVP_TEXT_MAX + 1];

	begin();
	poll_with("v=1 id=@ state=grace percent=4 text=");
	kvp_machine_cancel(&machine, item);
	assert_non_null(strstr(item, "do=cancel"));
	poll_with("v=1 id=@ state=grace percent=5 text=");
	assert_false(machine.report.complete);
	poll_with("v=1 id=@ state=done result=0x800704c7 text=Cancelled.");
	assert_ended(HRESULT_FROM_WIN32(ERROR_CANCELLED), "Cancelled.");
	assert_item("do=forget");
}

static void cancel_too_late(void **state)
{
	char item[KVP_TEXT_MAX + 1];

	begin();
	poll_with("v=1 id=@ state=ending percent=4 text=");
	kvp_machine_cancel(&machine, item);
	poll_with("v=1 id=@ state=done result=0x00000000 text=All.");
	assert_ended(S_OK, "All.");
}

static void malformed_answers(void **state)
{
	static const char *const answers[] = {"", "v=1", "v=3 id=@ state=done result=0",
					      "\xff=\x01"};

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		poll_with(answers[i]);
		assert_false(machine.report.complete);
		assert_int_equal(machine.report.state, vmLogoffState_Pending);
	}
	/* Neither is an answer for another request of this host. */
	poll_with("v=1 id=" ID "-2 state=done result=0x00000000 text=");
	assert_false(machine.report.complete);
	/* Numbers that no guest reports are limited by the task. */
	poll_with("v=1 id=@ state=grace percent=4294967295 found=-1 text=");
	assert_false(machine.report.complete);
	assert_int_equal(machine.report.state, vmLogoffState_Grace);
}

static void the_host_refuses(void **state)
{
	const VMLogoffOptions options = {.size = sizeof(options), .timeout = 60};

	fake.put_error = E_ACCESSDENIED;
	assert_int_equal(begin_with(&options), E_ACCESSDENIED);
	assert_string_equal(machine.report.text, "No.");
	/* An answer that cannot be discarded remains, and the outcome is the same. */
	fake.put_error = S_OK;
	begin();
	fake.put_error = E_ACCESSDENIED;
	poll_with("v=1 id=@ state=done result=0x00000000 text=All.");
	assert_ended(S_OK, "All.");
	assert_item("do=logoff");
	/* The same with a request that cannot be withdrawn. */
	fake.put_error = S_OK;
	answer(IDLE);
	begin();
	fake.put_error = E_ACCESSDENIED;
	fake.now_ms += 120001;
	kvp_machine_poll(&machine, &fake.guest);
	assert_int_equal(machine.report.error, VM_E_TIMED_OUT);
}

/* While the item cannot be read, it is taken for this request's. */
static void the_item_cannot_be_read(void **state)
{
	fake.get_error = E_FAIL;
	begin();
	fake.item[0] = '\0';
	poll_with(IDLE);
	assert_false(machine.report.complete);
	poll_with("v=1 id=@ state=done result=0x00000000 text=All.");
	assert_ended(S_OK, "All.");
	assert_item("do=forget");
}

static void the_items_cannot_be_read(void **state)
{
	begin();
	poll_with("v=1 id=@ state=ending percent=40 found=3 ended=2 failed=1 text=");
	kvp_machine_fail(&machine, VM_E_VM_NOT_RUNNING, "It has stopped.");
	assert_ended(VM_E_VM_NOT_RUNNING, "It has stopped.");
	assert_int_equal(machine.report.found, 3);
	assert_item("do=logoff");
}

#define SESSIONS "v=1 id=" ID "-1 part="
#define DONE     "v=1 id=@ state=done percent=100 found=2 ended=2 result=0x00000000 "

static void outcomes(void **state)
{
	begin();
	fake.sessions[0] = SESSIONS "1/1 failed=c3:1001:bob omitted=7 ended=4:1000:anna";
	fake.sessions[1] = "v=1 id=older part=2/2 ended=5:1000:anna";
	poll_with("v=1 id=@ state=ending percent=40 found=2 ended=1 text=");
	assert_string_equal(fake.outcomes, "");
	poll_with(DONE "session-items=1 text=All.");
	assert_string_equal(fake.outcomes, "2 c3 bob 1001;1 4 anna 1000;");
	assert_ended(S_OK, "All. 7 more outcomes do not fit into the items.");
	assert_item("do=forget");
}

/* An older guest has none. A guest whose daemon was restarted has them, but not their number. */
static void outcomes_without_a_number(void **state)
{
	begin();
	poll_with(DONE "text=All.");
	assert_ended(S_OK, "All.");
	begin();
	fake.sessions[0] = SESSIONS "1/2 ended=4:1000:anna";
	poll_with(DONE "text=All.");
	assert_false(machine.report.complete);
	fake.sessions[1] = SESSIONS "2/2 ended=5:1000:anna";
	poll_with(DONE "text=All.");
	assert_string_equal(fake.outcomes, "1 4 anna 1000;1 5 anna 1000;");
	assert_ended(S_OK, "All.");
}

/* The items were read while the guest changed them: some are of another request. */
static void mixed_outcomes(void **state)
{
	begin();
	fake.sessions[0] = "v=1 id=older part=1/2 ended=4:1000:anna";
	fake.sessions[1] = SESSIONS "2/2 ended=5:1000:anna";
	poll_with(DONE "session-items=2 text=All.");
	assert_false(machine.report.complete);
	assert_int_equal(machine.report.state, vmLogoffState_Ending);
	assert_item("do=logoff");
	fake.sessions[0] = SESSIONS "1/2 ended=4:1000:anna";
	/* The guest has the next request of another host now. */
	poll_with("v=1 id=other state=grace percent=1 text=");
	assert_string_equal(fake.outcomes, "1 4 anna 1000;1 5 anna 1000;");
	assert_ended(S_OK, "All.");
	assert_int_equal(machine.report.ended, 2);
}

/* The result is not lost with them. */
static void missing_outcomes(void **state)
{
	begin();
	fake.sessions[0] = SESSIONS "2/3 ended=9:1000:anna";
	fake.sessions[2] = SESSIONS "3/3 ended=5:1000:anna";
	fake.now_ms += 1000000;
	poll_with(DONE "session-items=3 text=All.");
	assert_false(machine.report.complete);
	fake.now_ms += vmg_kvp_times.sessions_ms;
	poll_with(DONE "session-items=3 text=All.");
	assert_string_equal(fake.outcomes, "1 5 anna 1000;");
	assert_ended(S_OK, "All. 2 of 3 items with outcomes are missing.");
	begin();
	poll_with(DONE "session-items=3 text=All.");
	kvp_machine_fail(&machine, VM_E_VM_NOT_RUNNING, "It has stopped.");
	assert_ended(S_OK, "All.");
}

#define MACHINE(name) cmocka_unit_test_setup(name, setup)

static HRESULT try_cancel(uint64_t id)
{
	return kvp_machine_cancel_any(&fake.iface, &fake.guest, id);
}

static void assert_not_cancelled(uint64_t id, HRESULT wanted)
{
	char item[KVP_TEXT_MAX + 1];

	memcpy(item, fake.item, sizeof(item));
	assert_int_equal(try_cancel(id), wanted);
	assert_string_equal(fake.item, item);
}

/* From another process, which has no task. */
static void cancel_of_any_task(void **state)
{
	static const char *const answers[] = {IDLE, "v=1 id=@ state=grace" BOOT};
	static const uint64_t ids[] = {0, 0xabc};

	for (size_t i = 0; i < ARRAY_SIZE(answers) * ARRAY_SIZE(ids); i++) {
		answer(IDLE);
		fake.item[0] = '\0';
		begin();
		answer(answers[i % 2]);
		assert_not_cancelled(0xab, HRESULT_FROM_WIN32(ERROR_NOT_FOUND));
		assert_int_equal(try_cancel(ids[i / 2]), S_OK);
		assert_item("do=cancel");
		assert_not_cancelled(0, HRESULT_FROM_WIN32(ERROR_NOT_FOUND));
	}
}

static void cancel_without_a_request(void **state)
{
	assert_not_cancelled(0, HRESULT_FROM_WIN32(ERROR_NOT_FOUND));
	begin();
	answer("v=1 id=@ state=ending" BOOT);
	assert_not_cancelled(0, E_FAIL);
	answer("v=1 id=@ state=done result=0x00000000" BOOT);
	assert_not_cancelled(0, HRESULT_FROM_WIN32(ERROR_NOT_FOUND));
	answer("v=1 id=other state=grace busy=@" BOOT);
	assert_not_cancelled(0, HRESULT_FROM_WIN32(ERROR_NOT_FOUND));
	answer("v=1 state=idle accepts=2 boot=b0-2 time=2026-11-22T16:00:03Z");
	assert_not_cancelled(0, HRESULT_FROM_WIN32(ERROR_NOT_FOUND));
	answer("");
	assert_not_cancelled(0, VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	answer(IDLE);
	fake.put_error = E_ACCESSDENIED;
	assert_not_cancelled(0, E_ACCESSDENIED);
	fake.get_error = VM_E_VM_NOT_RUNNING;
	assert_not_cancelled(0, VM_E_VM_NOT_RUNNING);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		MACHINE(from_start_to_end),
		MACHINE(time_of_issue),
		MACHINE(all_options),
		MACHINE(too_long),
		MACHINE(guests_without_an_answer),
		MACHINE(older_daemon),
		MACHINE(busy_before_it_is_issued),
		MACHINE(busy_after_it_is_issued),
		MACHINE(another_request_replaces_it),
		MACHINE(refused_by_the_guest),
		MACHINE(clocks),
		MACHINE(clocks_without_a_second_attempt),
		MACHINE(no_answer),
		MACHINE(no_further_answer),
		MACHINE(late_answer),
		MACHINE(cancel_before_it_begins),
		MACHINE(cancel_of_any_task),
		MACHINE(cancel_without_a_request),
		MACHINE(cancel_in_the_grace_period),
		MACHINE(cancel_too_late),
		MACHINE(malformed_answers),
		MACHINE(the_host_refuses),
		MACHINE(the_item_cannot_be_read),
		MACHINE(the_items_cannot_be_read),
		MACHINE(outcomes),
		MACHINE(outcomes_without_a_number),
		MACHINE(mixed_outcomes),
		MACHINE(missing_outcomes),
	};

	return cmocka_run_group_tests_name("kvp_machine", tests, NULL, NULL);
}
