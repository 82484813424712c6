// SPDX-License-Identifier: GPL-2.0-or-later
#include "audit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECURITY_WIN32
#include <security.h>

#include "com.h"
#include "userspace/shared/text.h"
#include "userspace/shared/util.h"
#include "wide.h"

/* The inserts of an entry: %1 to %8 in audit.mc. */
#define INSERTS   8
#define USER_SIZE 512

/* The thread that writes it and the one that waits for it each hold a reference. */
struct entry {
	volatile LONG references;
	HANDLE written;
	DWORD event;
	BSTR inserts[INSERTS];
};

/* Set once the service of the event log did not answer in time. */
static volatile LONG is_stuck;

static void release(struct entry *entry)
{
	if (InterlockedDecrement(&entry->references) > 0)
		return;
	for (size_t i = 0; i < INSERTS; i++)
		SysFreeString(entry->inserts[i]);
	handlep(&entry->written);
	free(entry);
}

static void CALLBACK write_entry(PTP_CALLBACK_INSTANCE instance, void *parameter)
{
	struct entry *entry = parameter;
	const WCHAR *texts[INSERTS];
	HANDLE source = RegisterEventSourceW(NULL, L"" AUDIT_SOURCE);
	WORD type = entry->event >> 30 == 2 ? EVENTLOG_WARNING_TYPE : EVENTLOG_INFORMATION_TYPE;

	(void)instance;
	for (size_t i = 0; i < INSERTS; i++)
		texts[i] = entry->inserts[i] ? entry->inserts[i] : L"";
	if (source) {
		ReportEventW(source, type, 0, entry->event, NULL, INSERTS, 0, texts, NULL);
		DeregisterEventSource(source);
	}
	SetEvent(entry->written);
	release(entry);
}

/* Calls of the event log have no time limit, so another thread makes them. */
static void submit(struct entry *entry)
{
	TP_CALLBACK_ENVIRON environment;
	HMODULE module;

	if (!GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
					GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
				(const WCHAR *)(void *)write_entry, &module))
		return;
	InitializeThreadpoolEnvironment(&environment);
	/* A DLL is not unloaded before the thread has left it. */
	SetThreadpoolCallbackLibrary(&environment, module);
	InterlockedIncrement(&entry->references);
	if (!TrySubmitThreadpoolCallback(write_entry, entry, &environment))
		release(entry);
	else if (WaitForSingleObject(entry->written, AUDIT_WAIT_MS) != WAIT_OBJECT_0)
		InterlockedExchange(&is_stuck, 1);
	DestroyThreadpoolEnvironment(&environment);
}

/*
 * The viewer would replace %1 or %%1 in a text of others by something else. There it becomes
 * U+FF05, a wide percent sign.
 */
static BSTR make_insert(const char *text)
{
	_cleanup_free_ char *clean = text_clean_line_dup(text);
	BSTR wide = wide_from_utf8(clean);

	for (WCHAR *at = wide; at && *at; at++) {
		if (at[0] == L'%' && (at[1] == L'%' || (at[1] >= L'0' && at[1] <= L'9')))
			*at = 0xff05;
	}
	return wide;
}

static void report(const struct audit *audit, DWORD event, const char *what, const char *text)
{
	const char *host = machine_host(audit->machine);
	const char *account = machine_user(audit->machine);
	char id[32] = "the one in progress";
	const char *texts[INSERTS] = {
		audit->user ? audit->user : "?",
		vmg_machine_name(audit->machine),
		vmg_machine_guid(audit->machine),
		host ? host : "this computer",
		account ? account : "the same",
		id,
		what,
		text,
	};
	struct entry *entry = is_stuck ? NULL : calloc(1, sizeof(*entry));

	if (!entry)
		return;
	entry->references = 1;
	entry->event = event;
	entry->written = CreateEventW(NULL, TRUE, FALSE, NULL);
	if (audit->id)
		snprintf(id, sizeof(id), "0x%llx", (unsigned long long)audit->id);
	for (size_t i = 0; i < INSERTS; i++)
		entry->inserts[i] = make_insert(texts[i]);
	if (entry->written)
		submit(entry);
	release(entry);
}

void audit_init(struct audit *audit, const struct machine *machine, uint64_t id)
{
	WCHAR user[USER_SIZE];
	ULONG length = ARRAY_SIZE(user);

	*audit = (struct audit){.machine = machine, .id = id};
	if (GetUserNameExW(NameSamCompatible, user, &length))
		audit->user = wide_to_utf8(user);
}

void audit_clear(struct audit *audit)
{
	free(audit->user);
	audit->user = NULL;
}

void audit_requested(const struct audit *audit, const VMLogoffOptions *options)
{
	uint32_t flags = options->flags;
	_cleanup_free_ char *text = NULL;

	if (asprintf(&text, "timeout %u s, grace %u s%s%s%s%s%s%s%s%s%s%s", options->timeout,
		     options->grace, options->user ? ", user " : "",
		     options->user ? options->user : "", options->session ? ", session " : "",
		     options->session ? options->session : "",
		     flags & VM_LOGOFF_FORCE ? ", force" : "",
		     flags & VM_LOGOFF_DRY_RUN ? ", dry run" : "",
		     flags & VM_LOGOFF_INCLUDE_LINGERING ? ", include lingering" : "",
		     flags & VM_LOGOFF_NO_LOGINS ? ", no logins" : "",
		     options->message ? ", message: " : "",
		     options->message ? options->message : "") < 0)
		text = NULL;
	report(audit, AUDIT_REQUESTED, text ? text : "", "");
}

static void report_result(const struct audit *audit, DWORD event, HRESULT hr, const char *text)
{
	char result[64];

	snprintf(result, sizeof(result), "0x%08lx %s", (unsigned long)hr, VMGuestOS_ErrorName(hr));
	report(audit, event, result, text && *text ? text : VMGuestOS_ErrorText(hr));
}

void audit_cancelled(const struct audit *audit, HRESULT hr)
{
	report_result(audit, AUDIT_CANCELLED, hr, NULL);
}

void audit_ended(const struct audit *audit, HRESULT hr, const char *text)
{
	bool good = SUCCEEDED(hr) || hr == HRESULT_FROM_WIN32(ERROR_NO_SUCH_LOGON_SESSION);

	report_result(audit, good ? AUDIT_ENDED : AUDIT_FAILED, hr, text);
}
