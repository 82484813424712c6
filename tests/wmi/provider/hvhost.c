// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Machines of hvhost. Wine has no UNIX sockets, so that bridge.py passes each question on to a
 * control socket: one line, to which the answer is a line "ok" and further lines, up to the end of
 * the connection. Fields are separated by tabs.
 */
#include <winsock2.h>

#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

#include "source.h"
#include "userspace/host/windows/com.h"
#include "userspace/host/windows/wide.h"

#define OK            "ok\n"
#define FAILED_METHOD 32768
#define ANSWER_SIZE   (1 << 20)
#define ANSWER_MS     30000

static struct {
	unsigned short port;
	struct machine machines[MAX_MACHINES];
	size_t count;
	char answer[ANSWER_SIZE];
} hvhost;

static SOCKET connect_to_bridge(void)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(hvhost.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const DWORD patience = ANSWER_MS;
	SOCKET bridge = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(bridge, SOL_SOCKET, SO_RCVTIMEO, (const char *)&patience, sizeof(patience));
	if (connect(bridge, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return bridge;
	closesocket(bridge);
	return INVALID_SOCKET;
}

/* Reads the whole answer. Returns whether there is one. */
static bool receive(SOCKET bridge)
{
	size_t used = 0;
	int got = 0;

	while (used + 1 < sizeof(hvhost.answer) &&
	       (got = recv(bridge, hvhost.answer + used, (int)(sizeof(hvhost.answer) - used - 1),
			   0)) > 0)
		used += (size_t)got;
	hvhost.answer[used] = '\0';
	return got == 0 && strncmp(hvhost.answer, OK, strlen(OK)) == 0;
}

static bool send_whole(SOCKET bridge, const char *text)
{
	size_t length = strlen(text);

	for (size_t sent = 0; sent < length;) {
		int now = send(bridge, text + sent, (int)(length - sent), 0);

		if (now <= 0)
			return false;
		sent += (size_t)now;
	}
	return true;
}

/* Returns the answer, valid until the next one; "" if there is none. */
static char *ask(const char *question)
{
	SOCKET bridge = connect_to_bridge();
	bool answered = bridge != INVALID_SOCKET && send_whole(bridge, question) && receive(bridge);

	if (bridge != INVALID_SOCKET)
		closesocket(bridge);
	if (answered)
		return hvhost.answer + strlen(OK);
	fprintf(stderr, "hvwmi: no answer from bridge.py on port %u.\n", hvhost.port);
	return strcpy(hvhost.answer, "");
}

/* Cuts the next field or line off. Returns NULL at the end. */
static char *next(char **rest, const char *separator)
{
	char *field = *rest, *end = field ? strpbrk(field, separator) : NULL;

	*rest = end ? end + 1 : NULL;
	if (end)
		*end = '\0';
	return field && (*field || end) ? field : NULL;
}

/* Replaces \t, \n and \\ by what they stand for. */
static BSTR unescape(char *field)
{
	char *to = field;

	for (const char *from = field; *from; from++) {
		if (from[0] == '\\' && from[1])
			*to++ = *++from == 't' ? '\t' : *from == 'n' ? '\n' : *from;
		else
			*to++ = *from;
	}
	*to = '\0';
	return wide_from_utf8(field);
}

/* Copies @text to @to, before @end, as a field. Returns the place after it. */
static char *escape(char *to, const char *end, const WCHAR *text)
{
	char *utf8 = wide_to_utf8(text);

	for (const char *from = utf8; from && *from && end - to > 2; from++) {
		bool escapes = *from == '\t' || *from == '\n' || *from == '\\';

		if (escapes)
			*to++ = '\\';
		*to++ = !escapes ? *from : *from == '\t' ? 't' : *from == '\n' ? 'n' : '\\';
	}
	free(utf8);
	return to;
}

static void clear_machines(void)
{
	for (; hvhost.count > 0; hvhost.count--) {
		struct machine *machine = &hvhost.machines[hvhost.count - 1];

		items_clear(&machine->host);
		items_clear(&machine->guest);
		items_clear(&machine->intrinsic);
		SysFreeString((BSTR)machine->name);
		SysFreeString((BSTR)machine->id);
	}
}

static void add_machine(char *line)
{
	char *name = next(&line, "\t"), *id = next(&line, "\t"), *state = next(&line, "\t");

	if (!state || hvhost.count == MAX_MACHINES)
		return;
	hvhost.machines[hvhost.count++] = (struct machine){
		.name = unescape(name),
		.id = unescape(id),
		.state = strtol(state, NULL, 10),
		.exchange = true,
	};
}

static size_t list_machines(struct machine **machines)
{
	char *answer = ask("machines\n"), *line;

	clear_machines();
	while ((line = next(&answer, "\n")))
		add_machine(line);
	*machines = hvhost.machines;
	return hvhost.count;
}

static void read_items(struct items *items, const struct machine *machine, const char *kind)
{
	char question[128], *answer, *line;

	snprintf(question, sizeof(question), "items\t%ls\t%s\n", machine->id, kind);
	answer = ask(question);
	items_clear(items);
	while ((line = next(&answer, "\n"))) {
		char *name = next(&line, "\t");
		_cleanup_bstr_ BSTR wide_name = unescape(name);
		_cleanup_bstr_ BSTR wide_data = unescape(line ? line : name + strlen(name));

		items_set(items, wide_name, wide_data);
	}
}

static void read_machine(struct machine *machine)
{
	read_items(&machine->host, machine, "host");
	read_items(&machine->guest, machine, "guest");
	read_items(&machine->intrinsic, machine, "intrinsic");
}

static LONG apply(struct machine *machine, enum kvp_method method, const struct item *item)
{
	static const char *const names[] = {"add", "modify", "remove"};
	char question[16384], *at = question;
	const char *end = question + sizeof(question) - 2;
	LONG value;

	at += snprintf(at, 128, "%s\t%ls\t", names[method], machine->id);
	at = escape(at, end - 1, item->name);
	*at++ = '\t';
	at = escape(at, end, item->data);
	*at++ = '\n';
	*at = '\0';
	return sscanf(ask(question), "%ld", &value) == 1 ? value : FAILED_METHOD;
}

const struct source *hvhost_source(unsigned short port)
{
	static const struct source source = {
		.list = list_machines,
		.read = read_machine,
		.apply = apply,
	};
	WSADATA data;

	WSAStartup(MAKEWORD(2, 2), &data);
	hvhost.port = port;
	return &source;
}
