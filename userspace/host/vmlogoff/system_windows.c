// SPDX-License-Identifier: GPL-2.0-or-later
#include "system.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wincred.h>

#include "console_windows.h"
#include "userspace/host/windows/com.h"
#include "userspace/host/windows/wide.h"
#include "userspace/host/windows/wmi.h"
#include "userspace/shared/util.h"
#include "userspace/shared/vsock.h"

#define WAITABLES_MAX 4
#define CREDENTIAL    "vmlogoff:"

/* Set by the first event that ends the program; never closed, because events come at any time. */
static HANDLE ending;
static atomic_bool next_event_ends;

static waitable waitable_of(HANDLE handle)
{
	return handle ? (waitable)HandleToLong(handle) : -1;
}

waitable system_event(void)
{
	return waitable_of(CreateEventW(NULL, TRUE, FALSE, NULL));
}

void system_set(waitable event)
{
	SetEvent(LongToHandle(event));
}

void system_close(waitable *event)
{
	if (*event >= 0)
		CloseHandle(LongToHandle(*event));
	*event = -1;
}

waitable system_task(IVMTask2 *task)
{
	int descriptor = -1;

	IVMTask2_get_Descriptor(task, &descriptor);
	return descriptor;
}

static int wait_for_any(const waitable *any, size_t count, DWORD ms)
{
	HANDLE handles[WAITABLES_MAX];
	size_t indices[WAITABLES_MAX];
	DWORD used = 0, ready;

	if (count > WAITABLES_MAX)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (any[i] < 0)
			continue;
		handles[used] = LongToHandle(any[i]);
		indices[used++] = i;
	}
	ready = used ? WaitForMultipleObjects(used, handles, FALSE, ms) : WAIT_FAILED;
	return ready < WAIT_OBJECT_0 + used ? (int)indices[ready - WAIT_OBJECT_0] : -1;
}

int system_wait(const waitable *any, size_t count)
{
	return wait_for_any(any, count, INFINITE);
}

bool system_is_ready(waitable one)
{
	return wait_for_any(&one, 1, 0) == 0;
}

/* Windows calls this in a thread of its own. */
static BOOL WINAPI on_control(DWORD event)
{
	/* As Windows' own handler does. */
	if (atomic_load(&next_event_ends))
		ExitProcess((UINT)STATUS_CONTROL_C_EXIT);
	SetEvent(ending);
	/*
	 * After the console was closed, Windows ends the process when this returns, or some seconds
	 * later: main() has until then.
	 */
	if (event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT)
		Sleep(INFINITE);
	return TRUE;
}

waitable system_catch_signals(void)
{
	HANDLE copy = NULL, process = GetCurrentProcess();

	ending = CreateEventW(NULL, TRUE, FALSE, NULL);
	if (ending && SetConsoleCtrlHandler(on_control, TRUE))
		DuplicateHandle(process, ending, process, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS);
	return waitable_of(copy);
}

void system_release_signals(waitable signals)
{
	(void)signals;
	atomic_store(&next_event_ends, true);
}

/* Windows has no signal for it. */
void system_ignore_closed_output(void)
{
}

bool system_input_is_terminal(void)
{
	DWORD mode;

	return GetConsoleMode(GetStdHandle(STD_INPUT_HANDLE), &mode);
}

bool system_output_is_terminal(void)
{
	return console_can_draw();
}

size_t system_rows(void)
{
	CONSOLE_SCREEN_BUFFER_INFO info;
	int rows = 24;

	if (GetConsoleScreenBufferInfo(console_handle(), &info))
		rows = info.srWindow.Bottom - info.srWindow.Top + 1;
	return (size_t)rows;
}

bool system_read_line(char *line, size_t size)
{
	console_flush();
	return fgets(line, (int)size, stdin);
}

/* @size is at least 8: a character has two units at most, and each becomes 3 bytes at most. */
static long read_console(HANDLE input, char *buffer, size_t size)
{
	WCHAR wide[1024];
	DWORD most = (DWORD)(size / 3 < ARRAY_SIZE(wide) ? size / 3 : ARRAY_SIZE(wide)), got, more;
	long length;

	if (!ReadConsoleW(input, wide, most - 1, &got, NULL))
		return -EIO;
	if (got && IS_HIGH_SURROGATE(wide[got - 1]) &&
	    ReadConsoleW(input, wide + got, 1, &more, NULL))
		got += more;
	/* Ctrl-Z at the beginning of a line ends the input. */
	if (!got || wide[0] == 0x1a)
		return 0;
	length = WideCharToMultiByte(CP_UTF8, 0, wide, (int)got, buffer, (int)size, NULL, NULL);
	SecureZeroMemory(wide, sizeof(wide));
	return length;
}

long system_read(char *buffer, size_t size)
{
	HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
	DWORD got;

	if (system_input_is_terminal())
		return read_console(input, buffer, size);
	if (ReadFile(input, buffer, (DWORD)size, &got, NULL))
		return (long)got;
	return GetLastError() == ERROR_BROKEN_PIPE ? 0 : -EIO;
}

/* Reads a character of one or two units. */
static uint32_t next_character(const WCHAR **text)
{
	uint32_t first = *(*text)++;

	if (!IS_HIGH_SURROGATE(first) || !IS_LOW_SURROGATE(**text))
		return first;
	return 0x10000 + ((first - 0xd800) << 10) + (*(*text)++ - 0xdc00u);
}

/*
 * Whether the set that begins after [ contains @character. Moves *@set behind its ]. Without a ],
 * *@set remains, and the [ is an ordinary character.
 */
static bool set_contains(const WCHAR **set, uint32_t character)
{
	const WCHAR *at = *set, *first;
	bool negated = *at == L'!' || *at == L'^', found = false;

	at += negated;
	first = at;
	while (*at && (*at != L']' || at == first)) {
		uint32_t low = next_character(&at), high = low;

		if (at[0] == L'-' && at[1] && at[1] != L']') {
			at++;
			high = next_character(&at);
		}
		found = found || (low <= character && character <= high);
	}
	if (!*at)
		return character == L'[';
	*set = at + 1;
	return found != negated;
}

/* One character of @name, and what is not a * in @pattern. Moves both. */
static bool matches_one(const WCHAR **pattern, const WCHAR **name)
{
	uint32_t character, wanted;

	if (!**pattern || !**name)
		return false;
	character = next_character(name);
	wanted = next_character(pattern);
	if (wanted == L'?')
		return true;
	if (wanted == L'[')
		return set_contains(pattern, character);
	if (wanted == L'\\' && **pattern)
		wanted = next_character(pattern);
	return wanted == character;
}

static bool matches(const WCHAR *pattern, const WCHAR *name)
{
	/* After the last *, and the end of what it stands for. */
	const WCHAR *star = NULL, *end = NULL;

	while (*pattern || *name) {
		if (*pattern == L'*') {
			star = ++pattern;
			end = name;
		} else if (!matches_one(&pattern, &name)) {
			if (!star || !*end)
				return false;
			next_character(&end);
			pattern = star;
			name = end;
		}
	}
	return true;
}

static BSTR upper_case(const char *text)
{
	BSTR wide = wide_from_utf8(text);
	int length = wide ? (int)SysStringLen(wide) : 0;

	if (length)
		LCMapStringEx(LOCALE_NAME_INVARIANT, LCMAP_UPPERCASE, wide, length, wide, length,
			      NULL, NULL, 0);
	return wide;
}

bool system_matches(const char *pattern, const char *name)
{
	_cleanup_bstr_ BSTR wide_pattern = upper_case(pattern);
	_cleanup_bstr_ BSTR wide_name = upper_case(name);

	return wide_pattern && wide_name && matches(wide_pattern, wide_name);
}

void system_wipe(void *bytes, size_t size)
{
	SecureZeroMemory(bytes, size);
}

void system_wipe_and_free(void *block)
{
	if (block)
		SecureZeroMemory(block, _msize(block));
	free(block);
}

bool system_has_registration(void)
{
	return true;
}

/* Hyper-V reads it for each connection. */
#define SERVICES                                                                                   \
	L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Virtualization\\"                       \
	L"GuestCommunicationServices"
#define SERVICE SERVICES L"\\{" HVL_VSOCK_SERVICE_GUID L"}"

HRESULT system_set_registration(bool registered)
{
	static const WCHAR name[] = L"hv-logoff";
	LSTATUS error;

	if (registered)
		return HRESULT_FROM_WIN32(RegSetKeyValueW(
			HKEY_LOCAL_MACHINE, SERVICE, L"ElementName", REG_SZ, name, sizeof(name)));
	error = RegDeleteTreeW(HKEY_LOCAL_MACHINE, SERVICE);
	return error == ERROR_FILE_NOT_FOUND ? S_OK : HRESULT_FROM_WIN32(error);
}

bool system_reaches_hosts(void)
{
	return true;
}

bool system_is_this_computer(const char *host)
{
	return wmi_is_this_computer(host);
}

static struct {
	char user[VM_HOST_USER_MAX + 1];
	char password[VM_HOST_USER_MAX + 1];
} account;

static void forget_account(void)
{
	SecureZeroMemory(&account, sizeof(account));
}

/* Returns false, with "", if @text does not fit. */
static bool copy_utf8(char copy[VM_HOST_USER_MAX + 1], const WCHAR *text, size_t length)
{
	int got = 0;

	if (length && length <= VM_HOST_USER_MAX)
		got = WideCharToMultiByte(CP_UTF8, 0, text, (int)length, copy, VM_HOST_USER_MAX,
					  NULL, NULL);
	copy[got] = 0;
	return got || !length;
}

/* Unless it is that of another user. */
static bool use_credential(VMHost *host, const CREDENTIALW *credential)
{
	const WCHAR *user = credential->UserName;

	if (!user || !*user || !copy_utf8(account.user, user, wcslen(user)))
		return false;
	if (host->user && _stricmp(host->user, account.user) != 0)
		return false;
	/* cmdkey and the Control Panel store a password as UTF-16 without a terminator. */
	if (!copy_utf8(account.password, (const WCHAR *)credential->CredentialBlob,
		       credential->CredentialBlobSize / sizeof(WCHAR)))
		return false;
	host->user = account.user;
	host->password = account.password;
	return true;
}

static bool find_credential(VMHost *host)
{
	char target[sizeof(CREDENTIAL) + VM_HOST_NAME_MAX];
	_cleanup_bstr_ BSTR wide = NULL;
	CREDENTIALW *credential;
	bool used;

	snprintf(target, sizeof(target), CREDENTIAL "%s", host->name);
	wide = wide_from_utf8(target);
	if (!wide || !CredReadW(wide, CRED_TYPE_GENERIC, 0, &credential))
		return false;
	used = use_credential(host, credential);
	CredFree(credential);
	return used;
}

static DWORD echo_mode;

/* Ctrl-C at the question: the console echoes again, and the process ends. */
static BOOL WINAPI restore_echo(DWORD event)
{
	(void)event;
	SetConsoleMode(GetStdHandle(STD_INPUT_HANDLE), echo_mode);
	return FALSE;
}

static bool ask_password(VMHost *host)
{
	HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
	WCHAR line[VM_HOST_USER_MAX + 2];
	DWORD length = 0;
	bool good;

	if (!GetConsoleMode(input, &echo_mode))
		return false;
	fprintf(stderr, "Password of %s for %s: ", host->user, host->name);
	console_flush();
	SetConsoleCtrlHandler(restore_echo, TRUE);
	SetConsoleMode(input, ENABLE_LINE_INPUT | ENABLE_PROCESSED_INPUT);
	good = ReadConsoleW(input, line, ARRAY_SIZE(line), &length, NULL);
	SetConsoleMode(input, echo_mode);
	SetConsoleCtrlHandler(restore_echo, FALSE);
	fputc('\n', stderr);
	while (length && (line[length - 1] == L'\r' || line[length - 1] == L'\n'))
		length--;
	good = good && length && copy_utf8(account.password, line, length);
	SecureZeroMemory(line, sizeof(line));
	if (good)
		host->password = account.password;
	return good;
}

bool system_find_account(VMHost *host)
{
	atexit(forget_account);
	return find_credential(host) || !host->user || ask_password(host);
}
