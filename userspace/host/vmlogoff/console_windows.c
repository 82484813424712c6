// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The C library of Windows writes text to a console in a code page, and gets its arguments in one.
 * All others here use UTF-8: wmain() converts the arguments, and what the program writes to a
 * console goes through a pipe to a thread, which converts it. Pipes and files get UTF-8.
 */
#include "console_windows.h"

#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/host/windows/wide.h"
#include "userspace/shared/util.h"

#ifndef ENABLE_VIRTUAL_TERMINAL_PROCESSING
#define ENABLE_VIRTUAL_TERMINAL_PROCESSING 0x0004
#endif

#define PIPE_BYTES 4096
/* A byte that is not part of any text in UTF-8: the thread reports that it has come so far. */
#define MARK       0xff

/* A pattern is one of machines, not of files: mingw-w64's startup code must not expand it. */
int _dowildcard = 0;

int main(int argc, char **argv);
/* Called by the startup code instead of main(). */
int wmain(int argc, WCHAR **argv);

static struct {
	HANDLE handle; /* NULL: there is none */
	HANDLE thread;
	HANDLE marked; /* an event: the thread has read MARK */
	DWORD mode;    /* before escape sequences were enabled */
	int reader;    /* the end of the pipe that the thread reads */
	bool has_output, has_errors, can_draw;
} console;

HANDLE console_handle(void)
{
	return console.handle;
}

bool console_can_draw(void)
{
	return console.can_draw;
}

static bool is_console(DWORD id)
{
	DWORD mode;

	return GetConsoleMode(GetStdHandle(id), &mode);
}

/* The number of bytes at the end that are the beginning of a longer character. */
static size_t incomplete(const char *bytes, size_t length)
{
	for (size_t back = 1; back <= 3 && back <= length; back++) {
		unsigned char byte = (unsigned char)bytes[length - back];
		size_t size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;

		if ((byte & 0xc0) != 0x80)
			return size > back ? back : 0;
	}
	return 0;
}

static void write_wide(const char *bytes, size_t length)
{
	WCHAR wide[PIPE_BYTES];
	int count = MultiByteToWideChar(CP_UTF8, 0, bytes, (int)length, wide, PIPE_BYTES);
	DWORD written;

	for (int start = 0; start < count; start += (int)written) {
		if (!WriteConsoleW(console.handle, wide + start, (DWORD)(count - start), &written,
				   NULL) ||
		    !written)
			return;
	}
}

/* Returns the number of bytes that are kept: the beginning of a character. */
static size_t write_marked(char *bytes, size_t length)
{
	const char *mark;
	size_t kept;

	while ((mark = memchr(bytes, MARK, length))) {
		size_t before = (size_t)(mark - bytes);

		write_wide(bytes, before);
		SetEvent(console.marked);
		length -= before + 1;
		memmove(bytes, mark + 1, length);
	}
	kept = incomplete(bytes, length);
	write_wide(bytes, length - kept);
	memmove(bytes, bytes + length - kept, kept);
	return kept;
}

/* Ends when the program has closed its end of the pipe. */
static DWORD WINAPI copy_output(void *unused)
{
	char bytes[PIPE_BYTES];
	size_t kept = 0;
	int got;

	(void)unused;
	while ((got = _read(console.reader, bytes + kept, (unsigned int)(sizeof(bytes) - kept))) >
	       0)
		kept = write_marked(bytes, kept + (size_t)got);
	return 0;
}

void console_flush(void)
{
	const char mark = (char)MARK;
	int end = _fileno(console.has_errors ? stderr : stdout);

	fflush(NULL);
	if (!console.thread)
		return;
	ResetEvent(console.marked);
	if (_write(end, &mark, 1) == 1)
		WaitForSingleObject(console.marked, INFINITE);
}

/* At exit: the rest is written, and the console is as it was. */
static void detach(void)
{
	fflush(NULL);
	if (console.has_output)
		_close(_fileno(stdout));
	if (console.has_errors)
		_close(_fileno(stderr));
	WaitForSingleObject(console.thread, INFINITE);
	SetConsoleMode(console.handle, console.mode);
}

static void enable_sequences(void)
{
	if (console.has_output && GetConsoleMode(console.handle, &console.mode))
		console.can_draw = SetConsoleMode(
			console.handle, console.mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
}

static HANDLE open_console(void)
{
	HANDLE handle =
		CreateFileW(L"CONOUT$", GENERIC_READ | GENERIC_WRITE,
			    FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);

	return handle == INVALID_HANDLE_VALUE ? NULL : handle;
}

/* Without resources, the C library continues to write to the console. */
static void attach(void)
{
	int ends[2];

	console.has_output = is_console(STD_OUTPUT_HANDLE);
	console.has_errors = is_console(STD_ERROR_HANDLE);
	if (!console.has_output && !console.has_errors)
		return;
	if (_pipe(ends, PIPE_BYTES, _O_BINARY | _O_NOINHERIT) < 0)
		return;
	console.reader = ends[0];
	console.handle = open_console();
	console.marked = CreateEventW(NULL, TRUE, FALSE, NULL);
	if (console.handle && console.marked)
		console.thread = CreateThread(NULL, 0, copy_output, NULL, 0, NULL);
	if (console.thread) {
		enable_sequences();
		if (console.has_output)
			_dup2(ends[1], _fileno(stdout));
		if (console.has_errors)
			_dup2(ends[1], _fileno(stderr));
		atexit(detach);
	}
	_close(ends[1]);
}

/* Lasts until the process ends. NULL: there is no memory. */
static char **to_utf8(int count, WCHAR **wide)
{
	char **texts = calloc((size_t)count + 1, sizeof(char *));

	for (int i = 0; texts && i < count; i++) {
		texts[i] = wide_to_utf8(wide[i]);
		if (!texts[i])
			return NULL;
	}
	return texts;
}

int wmain(int argc, WCHAR **argv)
{
	char **texts = to_utf8(argc, argv);

	attach();
	/* Lines end as on Linux. */
	_setmode(_fileno(stdout), _O_BINARY);
	_setmode(_fileno(stderr), _O_BINARY);
	if (texts)
		return main(argc, texts);
	fputs("vmlogoff: there is not enough memory.\n", stderr);
	return EXIT_FAILURE;
}
