// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest.h"

#include <string.h>
#include <time.h>
#include <wchar.h>

#include "userspace/host/libvmguestos/vmguestos.h"
#include "userspace/host/windows/com.h"
#include "userspace/host/windows/wide.h"
#include "userspace/shared/kvp_sessions.h"
#include "userspace/shared/kvp_value.h"
#include "userspace/shared/vsock.h"

#define BOOT      "b0-1"
#define SKEW_TIME 1000000000 /* 2001-09-09T01:46:40Z */

enum behavior {
	NONE,
	LOGOFF,
	STAYS,
	ENDING,
	REFUSES,
	LATE,
	SILENT,
	BUSY,
	SKEWED,
	STOPS,
	MOVES,
	NOBODY
};

static const WCHAR *const words[] = {
	[LOGOFF] = L"guest=logoff",   [STAYS] = L"guest=stays",   [ENDING] = L"guest=ending",
	[REFUSES] = L"guest=refuses", [SILENT] = L"guest=silent", [BUSY] = L"guest=busy",
	[SKEWED] = L"guest=skewed",   [STOPS] = L"guest=stops",   [MOVES] = L"guest=moves",
	[LATE] = L"guest=late",       [NOBODY] = L"guest=nobody",
};

static struct {
	enum behavior behavior;
	bool listens; /* on a socket */
	struct kvp_answer answer;
	bool gone;
} guest;

void guest_reset(void)
{
	memset(&guest, 0, sizeof(guest));
}

bool guest_apply_word(const WCHAR *word)
{
	if (wcscmp(word, L"vsock=yes") == 0) {
		guest.listens = true;
		return true;
	}
	for (size_t index = LOGOFF; index < ARRAY_SIZE(words); index++) {
		if (wcscmp(word, words[index]) == 0) {
			guest.behavior = (enum behavior)index;
			return true;
		}
	}
	return false;
}

bool guest_has_stopped(void)
{
	return guest.gone && guest.behavior == STOPS;
}

bool guest_has_moved(void)
{
	return guest.gone && guest.behavior == MOVES;
}

static void take_request(const struct kvp_request *request)
{
	if (guest.behavior == REFUSES)
		kvp_refuse(&guest.answer, request->id, (uint32_t)E_ACCESSDENIED, "Not by KVP.");
	else if (guest.behavior == LATE)
		kvp_refuse(&guest.answer, request->id, (uint32_t)VM_E_TIMED_OUT, "Two are left.");
	else if (guest.behavior == NOBODY)
		kvp_refuse(&guest.answer, request->id, HV_LOGOFF_E_NO_SESSION, "Nobody.");
	else if (guest.behavior == SKEWED && request->issued != SKEW_TIME)
		kvp_refuse(&guest.answer, request->id, KVP_E_SKEW, "The guest is in 2001.");
	else
		guest.answer = (struct kvp_answer){.state = HV_LOGOFF_PENDING};
	memcpy(guest.answer.id, request->id, sizeof(request->id));
}

static void cancel(const struct kvp_request *request)
{
	if (guest.answer.state < HV_LOGOFF_ENDING)
		kvp_refuse(&guest.answer, request->id, HV_LOGOFF_E_CANCELLED, "Cancelled.");
}

/* As hv-logoffd does, except that every request is fresh. */
void guest_receive(const WCHAR *value)
{
	_cleanup_free_ char *text = wide_to_utf8(value);
	struct kvp_request request;

	if (!text || kvp_request_parse(&request, text, &guest.answer) < 0)
		return;
	if (request.verb == KVP_FORGET)
		guest.answer = (struct kvp_answer){};
	else if (guest.behavior == SILENT)
		return;
	else if (request.verb == KVP_CANCEL)
		cancel(&request);
	else
		take_request(&request);
}

static void proceed(void)
{
	static const struct kvp_answer steps[] = {
		[HV_LOGOFF_DELIVERED] = {.text = "It has the request."},
		[HV_LOGOFF_GRACE] = {.percent = 10, .found = 2, .text = "It waits."},
		[HV_LOGOFF_ENDING] = {.percent = 60, .found = 2, .ended = 1, .text = "One left."},
		[HV_LOGOFF_DONE] = {.percent = 100,
				    .found = 2,
				    .ended = 2,
				    .session_items = 1,
				    .text = "All."},
	};
	uint32_t state = guest.answer.state + 1;

	if (state > HV_LOGOFF_DONE || (guest.behavior == STAYS && state > HV_LOGOFF_GRACE) ||
	    (guest.behavior == ENDING && state > HV_LOGOFF_ENDING))
		return;
	guest.gone = state == HV_LOGOFF_ENDING;
	memcpy(guest.answer.text, steps[state].text, sizeof(guest.answer.text));
	guest.answer.percent = steps[state].percent;
	guest.answer.found = steps[state].found;
	guest.answer.ended = steps[state].ended;
	guest.answer.session_items = steps[state].session_items;
	guest.answer.state = state;
}

BSTR guest_answer(void)
{
	static const struct kvp_answer other = {.id = "other", .state = HV_LOGOFF_GRACE};
	struct kvp_answer answer;
	char value[KVP_TEXT_MAX + 1];

	if (guest.behavior == NONE)
		return NULL;
	if (guest.answer.id[0])
		proceed();
	answer = guest.behavior == BUSY ? other : guest.answer;
	answer.vsock = guest.listens ? HVL_VSOCK_PORT : 0;
	kvp_answer_format(value, &answer, BOOT, guest.behavior == SKEWED ? SKEW_TIME : time(NULL));
	return wide_from_utf8(value);
}

BSTR guest_sessions(void)
{
	struct kvp_sessions sessions = {};

	if (!guest.answer.session_items)
		return NULL;
	kvp_sessions_add(&sessions, HV_LOGOFF_LINGERING, 1002, "bob", "");
	kvp_sessions_add(&sessions, HV_LOGOFF_ENDED, 1000, "anna", "4");
	kvp_sessions_add(&sessions, HV_LOGOFF_ENDED, 1001, "jane doe", "c1");
	kvp_sessions_finish(&sessions, guest.answer.id);
	return wide_from_utf8(sessions.values[0]);
}
