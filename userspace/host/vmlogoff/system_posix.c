// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fnmatch.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "system.h"
#include "userspace/shared/util.h"

#define WAITABLES_MAX 4

waitable system_event(void)
{
	return eventfd(0, EFD_CLOEXEC);
}

void system_set(waitable event)
{
	eventfd_write(event, 1);
}

void system_close(waitable *event)
{
	closep(event);
}

waitable system_task(IVMTask2 *task)
{
	int descriptor = -1;

	IVMTask2_get_Descriptor(task, &descriptor);
	return descriptor;
}

static int poll_any(const waitable *any, size_t count, int timeout)
{
	struct pollfd ready[WAITABLES_MAX];
	int ret;

	if (count > WAITABLES_MAX)
		return -1;
	for (size_t i = 0; i < count; i++)
		ready[i] = (struct pollfd){.fd = any[i], .events = POLLIN};
	do {
		ret = poll(ready, count, timeout);
	} while (ret < 0 && errno == EINTR);
	for (size_t i = 0; ret > 0 && i < count; i++) {
		if (ready[i].revents)
			return (int)i;
	}
	return -1;
}

int system_wait(const waitable *any, size_t count)
{
	return poll_any(any, count, -1);
}

bool system_is_ready(waitable one)
{
	return poll_any(&one, 1, 0) == 0;
}

static void ending_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
}

waitable system_catch_signals(void)
{
	sigset_t set;

	ending_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void system_release_signals(waitable signals)
{
	struct signalfd_siginfo info;
	sigset_t set;

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return;
	/* Shells start background jobs with SIGINT ignored. */
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	ending_signals(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void system_ignore_closed_output(void)
{
	signal(SIGPIPE, SIG_IGN);
}

bool system_input_is_terminal(void)
{
	return isatty(STDIN_FILENO);
}

bool system_output_is_terminal(void)
{
	return isatty(STDOUT_FILENO);
}

size_t system_rows(void)
{
	struct winsize size = {0};

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	return size.ws_row ? size.ws_row : 24;
}

bool system_read_line(char *line, size_t size)
{
	return fgets(line, (int)size, stdin);
}

long system_read(char *buffer, size_t size)
{
	ssize_t got;

	do {
		got = read(STDIN_FILENO, buffer, size);
	} while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

bool system_matches(const char *pattern, const char *name)
{
	return fnmatch(pattern, name, 0) == 0;
}

void system_wipe(void *bytes, size_t size)
{
	explicit_bzero(bytes, size);
}

void system_wipe_and_free(void *block)
{
	if (block)
		explicit_bzero(block, malloc_usable_size(block));
	free(block);
}

bool system_has_registration(void)
{
	return false;
}

HRESULT system_set_registration(bool registered)
{
	(void)registered;
	return E_NOTIMPL;
}

bool system_reaches_hosts(void)
{
	return false;
}

bool system_is_this_computer(const char *host)
{
	return !host;
}

bool system_find_account(VMHost *host)
{
	return !host->user;
}
