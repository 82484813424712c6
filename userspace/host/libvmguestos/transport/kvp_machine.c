// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvp_machine.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/param.h>
#include <time.h>

#include "userspace/host/libvmguestos/error.h"
#include "userspace/host/libvmguestos/platform.h"

#define BUSY_TEXT     "The guest is carrying out another request."
#define REPLACED_TEXT "Another request has replaced this one."

struct kvp_times vmg_kvp_times = {
	.poll_ms = 500, .life = 120, .backstop_ms = 30000, .sessions_ms = 5000};

int64_t kvp_host_now_ms(struct kvp_host *host)
{
	(void)host;
	return vmg_now_ms();
}

int64_t kvp_host_time(struct kvp_host *host)
{
	(void)host;
	return time(NULL);
}

/* The guest's answer. */
struct item {
	struct kvp_answer answer;
	char boot[KVP_ID_SIZE];
	int64_t time; /* when it was written, by the guest's clock; 0 if unknown */
};

static bool parse_item(struct item *item, const struct kvp_guest_items *items)
{
	return kvp_answer_parse(&item->answer, item->boot, &item->time,
				items->value(items, KVP_ANSWER_KEY)) == 0;
}

bool kvp_machine_is_available(const struct kvp_guest_items *items)
{
	struct item item;

	return parse_item(&item, items);
}

uint32_t kvp_machine_vsock_port(const struct kvp_guest_items *items)
{
	struct item item;

	/* On others, any user of the guest could listen. */
	return parse_item(&item, items) && item.answer.vsock < 1024 ? item.answer.vsock : 0;
}

static void set_text(struct kvp_machine *machine, const char *text)
{
	snprintf(machine->text, sizeof(machine->text), "%s", text);
}

/* With the text that is set. */
static void complete(struct kvp_machine *machine, HRESULT error)
{
	machine->report.complete = true;
	machine->report.error = error;
	machine->report.state = vmLogoffState_Done;
}

static void end(struct kvp_machine *machine, HRESULT error, const char *text)
{
	set_text(machine, text);
	complete(machine, error);
}

static void end_busy(struct kvp_machine *machine, const char *text)
{
	end(machine, HRESULT_FROM_WIN32(ERROR_BUSY), text);
}

static void copy(char *target, size_t size, const char *text)
{
	snprintf(target, size, "%s", text ? text : "");
}

void kvp_machine_init(struct kvp_machine *machine, struct kvp_host *host, uint64_t id,
		      const VMLogoffOptions *options)
{
	struct logoff_request *request = &machine->request.logoff;

	*machine = (struct kvp_machine){.host = host, .id = id, .flags = options->flags};
	machine->report.text = machine->text;
	if (options->flags & VM_LOGOFF_FORCE)
		request->flags |= HV_LOGOFF_FORCE;
	if (options->flags & VM_LOGOFF_DRY_RUN)
		request->flags |= HV_LOGOFF_DRY_RUN;
	if (options->flags & VM_LOGOFF_INCLUDE_LINGERING)
		request->flags |= HV_LOGOFF_INCLUDE_LINGERING;
	if (options->flags & VM_LOGOFF_NO_LOGINS)
		request->flags |= HV_LOGOFF_NO_LOGINS;
	request->timeout = options->timeout;
	request->grace = options->grace;
	copy(request->message, sizeof(request->message), options->message);
	copy(request->user, sizeof(request->user), options->user);
	copy(request->session, sizeof(request->session), options->session);
}

/* All requests share one item. */
static HRESULT put(struct kvp_machine *machine, const char *value)
{
	struct kvp_host *host = machine->host;
	HRESULT hr = host->put(host, KVP_REQUEST_KEY, value);

	if (FAILED(hr))
		set_text(machine, host->error_text(host));
	return hr;
}

/* Formats a verb that applies to the current request. */
static void format_verb(char value[KVP_TEXT_MAX + 1], const struct kvp_machine *machine,
			enum kvp_verb verb)
{
	struct kvp_request request = machine->request;

	request.verb = verb;
	kvp_request_format(value, &request);
}

/* Whether the item still contains this request: another program may have replaced it. */
static bool owns_item(struct kvp_machine *machine)
{
	struct kvp_host *host = machine->host;
	char value[KVP_TEXT_MAX + 1], id[KVP_ID_SIZE + 5];

	if (FAILED(host->get(host, KVP_REQUEST_KEY, value)))
		return true;
	snprintf(id, sizeof(id), " id=%s ", machine->request.id);
	return strstr(value, id);
}

/* Sets the item to a verb for this request, unless another request has replaced it. */
static void put_verb(struct kvp_machine *machine, enum kvp_verb verb)
{
	char value[KVP_TEXT_MAX + 1];

	format_verb(value, machine, verb);
	if (owns_item(machine))
		put(machine, value);
}

static HRESULT issue(struct kvp_machine *machine, int64_t when, const char *boot)
{
	struct kvp_request *request = &machine->request;
	struct kvp_host *host = machine->host;
	char value[KVP_TEXT_MAX + 1];

	machine->attempt++;
	machine->begun = false;
	machine->deadline = host->now_ms(host) + vmg_kvp_times.life * 1000LL;
	snprintf(request->id, sizeof(request->id), "%016" PRIx64 "-%u", machine->id,
		 machine->attempt);
	copy(request->boot, sizeof(request->boot), boot);
	request->issued = when;
	request->life = vmg_kvp_times.life;
	if (kvp_request_format(value, request) == 0)
		return put(machine, value);
	set_text(machine, "The request is too long for KVP; shorten the message.");
	return E_INVALIDARG;
}

static bool is_in_progress(const struct kvp_answer *answer)
{
	return answer->id[0] && answer->state != HV_LOGOFF_DONE;
}

HRESULT kvp_machine_begin(struct kvp_machine *machine, const struct kvp_guest_items *items)
{
	struct kvp_host *host = machine->host;
	struct item item;

	if (!parse_item(&item, items))
		return VM_E_ADDITIONS_FEATURE_NOT_AVAIL;
	if (is_in_progress(&item.answer)) {
		end_busy(machine, BUSY_TEXT);
		return S_OK;
	}
	if (kvp_request_version(&machine->request) > item.answer.accepts) {
		vmg_too_old_text(machine->text, sizeof(machine->text), machine->flags);
		return HRESULT_FROM_WIN32(ERROR_REVISION_MISMATCH);
	}
	/* The guest was running at item.time, and refuses requests issued before its boot. */
	return issue(machine, MAX(host->time(host), item.time), item.boot);
}

/* The request is issued once more with the time of a guest whose clock differs. */
static void issue_again(struct kvp_machine *machine, const struct item *item)
{
	HRESULT hr;

	if (!owns_item(machine)) {
		end_busy(machine, REPLACED_TEXT);
		return;
	}
	machine->text[0] = '\0';
	hr = issue(machine, item->time, item->boot);
	if (FAILED(hr))
		complete(machine, hr);
}

__attribute__((format(printf, 2, 3))) static void append_text(struct kvp_machine *machine,
							      const char *format, ...)
{
	size_t used = strlen(machine->text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(machine->text + used, sizeof(machine->text) - used, format, arguments);
	va_end(arguments);
}

/*
 * Requests the guest to discard the answer. The item no longer requests a logoff, which a guest
 * that is restored to an earlier state could carry out again.
 */
static void finish(struct kvp_machine *machine)
{
	const struct kvp_answer *answer = &machine->result;

	put_verb(machine, KVP_FORGET);
	end(machine, (HRESULT)answer->result, answer->text);
	/* hv-logoffd was replaced by an older one since the request was issued. */
	if (answer->result == KVP_E_REVISION && kvp_request_version(&machine->request) > 1)
		vmg_too_old_text(machine->text, sizeof(machine->text), machine->flags);
}

static void take_session(void *userdata, const struct kvp_session *session)
{
	struct kvp_host *host = userdata;

	if (host->session)
		host->session(host, &(VMSessionResult){
					    .session = session->session,
					    .user = session->user,
					    .uid = session->uid,
					    .outcome = (VMSessionOutcome)session->outcome,
				    });
}

/* The items of this request in @items, which may be of several. */
struct sessions_items {
	const char *values[KVP_SESSIONS_MAX];
	unsigned int found, expected;
	uint32_t omitted;
};

static void find_sessions(struct sessions_items *sessions, const struct kvp_machine *machine,
			  const struct kvp_guest_items *items)
{
	char key[KVP_SESSIONS_KEY_SIZE];
	struct kvp_sessions_part part;

	*sessions = (struct sessions_items){.expected = machine->result.session_items};
	for (unsigned int i = 1; i <= KVP_SESSIONS_MAX; i++) {
		const char *value;

		kvp_sessions_key(key, i);
		value = items->value(items, key);
		if (kvp_sessions_parse(&part, value, NULL, NULL) < 0 || part.part != i ||
		    strcmp(part.id, machine->request.id) != 0)
			continue;
		sessions->values[sessions->found++] = value;
		sessions->expected = MAX(sessions->expected, part.parts);
		sessions->omitted = part.omitted;
	}
}

static void take_sessions(struct kvp_machine *machine, const struct sessions_items *sessions)
{
	struct kvp_sessions_part part;

	for (unsigned int i = 0; i < sessions->found; i++)
		kvp_sessions_parse(&part, sessions->values[i], take_session, machine->host);
}

/* The guest has written all outcomes before the result, but they may have been read before it. */
static void await_sessions(struct kvp_machine *machine, const struct kvp_guest_items *items)
{
	struct kvp_host *host = machine->host;
	struct sessions_items sessions;

	find_sessions(&sessions, machine, items);
	if (sessions.found < sessions.expected && host->now_ms(host) < machine->sessions_deadline) {
		machine->report.state = vmLogoffState_Ending;
		return;
	}
	take_sessions(machine, &sessions);
	finish(machine);
	if (sessions.omitted > 0)
		append_text(machine, " %" PRIu32 " more outcomes do not fit into the items.",
			    sessions.omitted);
	if (sessions.found < sessions.expected)
		append_text(machine, " %u of %u items with outcomes are missing.",
			    sessions.expected - sessions.found, sessions.expected);
}

static void handle_done(struct kvp_machine *machine, const struct item *item,
			const struct kvp_guest_items *items)
{
	struct kvp_host *host = machine->host;
	const struct kvp_answer *answer = &item->answer;
	bool clocks_differ = answer->result == KVP_E_STALE || answer->result == KVP_E_SKEW;

	if (clocks_differ && machine->attempt == 1 && !machine->cancelled && item->time) {
		issue_again(machine, item);
		return;
	}
	machine->result = *answer;
	machine->sessions_deadline = host->now_ms(host) + vmg_kvp_times.sessions_ms;
	await_sessions(machine, items);
}

static void handle_answer(struct kvp_machine *machine, const struct item *item,
			  const struct kvp_guest_items *items)
{
	const struct kvp_answer *answer = &item->answer;
	struct report *report = &machine->report;
	struct kvp_host *host = machine->host;

	if (!machine->begun)
		machine->deadline = host->now_ms(host) + machine->request.logoff.timeout * 1000LL +
				    vmg_kvp_times.backstop_ms;
	machine->begun = true;
	report->percent = answer->percent;
	report->found = answer->found;
	report->ended = answer->ended;
	report->failed = answer->failed;
	if (answer->state == HV_LOGOFF_DONE) {
		handle_done(machine, item, items);
		return;
	}
	if (answer->state != HV_LOGOFF_PENDING)
		report->state = (VMLogoffState)answer->state;
	set_text(machine, answer->text);
}

static void end_refused(struct kvp_machine *machine)
{
	put_verb(machine, KVP_FORGET);
	end_busy(machine, BUSY_TEXT);
}

/* A request that has not begun is withdrawn. */
static void time_out(struct kvp_machine *machine)
{
	if (!machine->begun)
		put_verb(machine, KVP_CANCEL);
	end(machine, VM_E_TIMED_OUT,
	    machine->begun ? "The guest did not answer in time; check that it is running."
			   : "The guest did not accept the request; check that hv_kvp_daemon and "
			     "hv-logoffd are running in it.");
}

void kvp_machine_poll(struct kvp_machine *machine, const struct kvp_guest_items *items)
{
	struct kvp_host *host = machine->host;
	struct item item;

	if (machine->report.complete)
		return;
	if (machine->result.id[0]) {
		await_sessions(machine, items);
		return;
	}
	parse_item(&item, items);
	if (strcmp(item.answer.id, machine->request.id) == 0)
		handle_answer(machine, &item, items);
	else if (strcmp(item.answer.busy, machine->request.id) == 0)
		end_refused(machine);
	else if (!machine->begun && !owns_item(machine))
		end_busy(machine, REPLACED_TEXT);
	if (!machine->report.complete && !machine->result.id[0] &&
	    host->now_ms(host) > machine->deadline)
		time_out(machine);
}

void kvp_machine_fail(struct kvp_machine *machine, HRESULT error, const char *text)
{
	if (machine->report.complete)
		return;
	if (machine->result.id[0])
		finish(machine);
	else
		end(machine, error, text);
}

void kvp_machine_cancel(struct kvp_machine *machine, char value[KVP_TEXT_MAX + 1])
{
	machine->cancelled = true;
	format_verb(value, machine, KVP_CANCEL);
}

/* Whether @request is an attempt of the task with that id; 0: of any. */
static bool is_of_task(const struct kvp_request *request, uint64_t id)
{
	char prefix[24];

	snprintf(prefix, sizeof(prefix), "%016" PRIx64 "-", id);
	return !id || strncmp(request->id, prefix, strlen(prefix)) == 0;
}

/* Whether the guest can still carry out @request, or does so. */
static bool is_pending(const struct kvp_request *request, const struct item *item)
{
	const struct kvp_answer *answer = &item->answer;

	if (strcmp(answer->id, request->id) == 0)
		return answer->state != HV_LOGOFF_DONE;
	return strcmp(answer->busy, request->id) != 0 &&
	       (!*request->boot || strcmp(request->boot, item->boot) == 0);
}

HRESULT kvp_machine_cancel_any(struct kvp_host *host, const struct kvp_guest_items *items,
			       uint64_t id)
{
	char value[KVP_TEXT_MAX + 1];
	struct kvp_answer refusal;
	struct kvp_request request;
	struct item item;
	HRESULT hr;

	if (!parse_item(&item, items))
		return VM_E_ADDITIONS_FEATURE_NOT_AVAIL;
	hr = host->get(host, KVP_REQUEST_KEY, value);
	if (FAILED(hr))
		return hr;
	if (kvp_request_parse(&request, value, &refusal) < 0 || request.verb != KVP_LOGOFF ||
	    !is_of_task(&request, id) || !is_pending(&request, &item))
		return HRESULT_FROM_WIN32(ERROR_NOT_FOUND);
	if (strcmp(item.answer.id, request.id) == 0 && item.answer.state == HV_LOGOFF_ENDING)
		return E_FAIL;
	request.verb = KVP_CANCEL;
	kvp_request_format(value, &request);
	return host->put(host, KVP_REQUEST_KEY, value);
}
