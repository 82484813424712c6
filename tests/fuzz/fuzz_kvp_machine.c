// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A logoff by KVP in libvmguestos, whose host, guest and clocks the input plays. The first line is
 * the guest's answer before the request. Each other line is an event:
 *
 *	a TEXT  the guest's answer is TEXT, with "@" for the request's id, and is read
 *	s TEXT  the guest's first item with outcomes is TEXT, with "@" for the request's id
 *	h TEXT  another program sets the host's item
 *	t N     N milliseconds pass
 *	p, g    the host refuses to set, or to return its item, until the next p or g
 *	c, f    the logoff is cancelled; the guest's items cannot be read
 *	x       another program cancels what is in progress; the host refuses to set its item
 */
#include <stdbool.h>

#include "fuzz.h"
#include "userspace/host/libvmguestos/transport/kvp_machine.h"

/* A request is issued twice at most, and never replaces that of another program. */
static struct {
	struct kvp_host iface;
	struct kvp_guest_items guest;
	char *answer, *sessions;
	char item[KVP_TEXT_MAX + 1];
	bool replaced; /* the item is that of another program */
	bool get_fails, put_fails, cancelled;
	unsigned int requests;
	int64_t now_ms;
} host;

static struct kvp_machine machine;

static const char *value(const struct kvp_guest_items *items, const char *name)
{
	if (strcmp(name, KVP_SESSIONS_KEY "1") == 0)
		return host.sessions ? host.sessions : "";
	return strcmp(name, KVP_ANSWER_KEY) == 0 ? host.answer : "";
}

static HRESULT get(struct kvp_host *iface, const char *name, char text[KVP_TEXT_MAX + 1])
{
	memcpy(text, host.item, sizeof(host.item));
	return host.get_fails ? E_FAIL : S_OK;
}

/* Each item is valid, and of this request. */
static void must_be_item(const char *text)
{
	struct kvp_answer refusal;
	struct kvp_request request;

	must(kvp_request_parse(&request, text, &refusal) == 0);
	must(strcmp(request.id, machine.request.id) == 0);
	must(request.verb != KVP_LOGOFF || (++host.requests <= 2 && !host.cancelled));
}

static HRESULT put(struct kvp_host *iface, const char *name, const char *text)
{
	must(strcmp(name, KVP_REQUEST_KEY) == 0);
	must_be_item(text);
	must(!machine.report.complete);
	must(!host.replaced || host.get_fails);
	if (host.put_fails)
		return E_ACCESSDENIED;
	snprintf(host.item, sizeof(host.item), "%s", text);
	host.replaced = false;
	return S_OK;
}

static const char *error_text(struct kvp_host *iface)
{
	return host.answer;
}

static int64_t now_ms(struct kvp_host *iface)
{
	return host.now_ms;
}

static int64_t host_time(struct kvp_host *iface)
{
	return 1700000000 + host.now_ms / 1000;
}

static void session(struct kvp_host *iface, const VMSessionResult *session)
{
	must(iface == &host.iface && !machine.report.complete);
	must(session->outcome >= HV_LOGOFF_ENDED && session->outcome <= HV_LOGOFF_UNTOLD);
}

static void set_value(char **value, const char *text)
{
	const char *place = strchr(text, '@');
	size_t size = strlen(text) + KVP_ID_SIZE;

	free(*value);
	*value = malloc(size);
	must(*value);
	if (place)
		snprintf(*value, size, "%.*s%s%s", (int)(place - text), text, machine.request.id,
			 place + 1);
	else
		snprintf(*value, size, "%s", text);
}

static void replace(const char *text)
{
	char id[KVP_ID_SIZE + 5];

	snprintf(host.item, sizeof(host.item), "%s", text);
	snprintf(id, sizeof(id), " id=%s ", machine.request.id);
	host.replaced = !strstr(host.item, id);
}

static void cancel(void)
{
	char item[KVP_TEXT_MAX + 1];

	if (machine.report.complete)
		return;
	kvp_machine_cancel(&machine, item);
	must_be_item(item);
	host.cancelled = true;
}

/* Of the request whose item and answer the host has, whichever it is. */
static HRESULT put_cancel(struct kvp_host *iface, const char *name, const char *text)
{
	struct kvp_request request, cancelled;
	struct kvp_answer refusal;

	must(strcmp(name, KVP_REQUEST_KEY) == 0);
	must(kvp_request_parse(&request, text, &refusal) == 0 && request.verb == KVP_CANCEL);
	must(kvp_request_parse(&cancelled, host.item, &refusal) == 0);
	must(strcmp(request.id, cancelled.id) == 0);
	return E_ACCESSDENIED;
}

static void cancel_any(void)
{
	struct kvp_host iface = host.iface;
	HRESULT hr;

	iface.put = put_cancel;
	hr = kvp_machine_cancel_any(&iface, &host.guest, 0);
	must(FAILED(hr));
}

static void play(const char *line)
{
	const char *text = line[0] && line[1] ? line + 2 : "";

	switch (line[0]) {
	case 'a':
		set_value(&host.answer, text);
		kvp_machine_poll(&machine, &host.guest);
		break;
	case 's':
		set_value(&host.sessions, text);
		break;
	case 'h':
		replace(text);
		break;
	case 't':
		host.now_ms += (int64_t)strtoul(text, NULL, 10) % 1000000000;
		break;
	case 'p':
		host.put_fails = !host.put_fails;
		break;
	case 'g':
		host.get_fails = !host.get_fails;
		break;
	case 'c':
		cancel();
		break;
	case 'x':
		cancel_any();
		break;
	case 'f':
		kvp_machine_fail(&machine, E_FAIL, text);
		break;
	default:
		break;
	}
}

static void must_be_report(bool was_complete, HRESULT error)
{
	const struct report *report = &machine.report;

	must(report->text == machine.text &&
	     strnlen(machine.text, sizeof(machine.text)) < sizeof(machine.text));
	must(report->state <= vmLogoffState_Done);
	must(report->complete == (report->state == vmLogoffState_Done));
	must(!was_complete || (report->complete && report->error == error));
}

static HRESULT begin(char **rest)
{
	const VMLogoffOptions options = {
		.size = sizeof(options), .timeout = 60, .grace = 10, .message = "a id=b"};

	host.iface = (struct kvp_host){.get = get,
				       .put = put,
				       .error_text = error_text,
				       .session = session,
				       .now_ms = now_ms,
				       .time = host_time};
	host.guest.value = value;
	kvp_machine_init(&machine, &host.iface, 1, &options);
	set_value(&host.answer, strsep(rest, "\n"));
	must(kvp_machine_vsock_port(&host.guest) < 1024);
	must(kvp_machine_is_available(&host.guest) || !kvp_machine_vsock_port(&host.guest));
	return kvp_machine_begin(&machine, &host.guest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *input = text_copy(data, size), *rest = input;

	memset(&host, 0, sizeof(host));
	if (begin(&rest) == S_OK) {
		must_be_report(false, S_OK);
		while (rest) {
			bool was_complete = machine.report.complete;
			HRESULT error = machine.report.error;

			play(strsep(&rest, "\n"));
			must_be_report(was_complete, error);
		}
	}
	free(host.answer);
	free(host.sessions);
	free(input);
	return 0;
}
