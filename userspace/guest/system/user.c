// SPDX-License-Identifier: GPL-2.0-or-later
#include "user.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userspace/shared/text.h"
#include "userspace/shared/util.h"

/* (uid_t)-1 means "no user" in the kernel's interfaces. */
#define UID_LAST (UINT32_MAX - 1)

/* Freed with the event source of the helper, which is reaped even after a cancellation. */
struct user_lookup {
	user_lookup_handler handler;
	void *userdata;
	sd_event_source *timer;
	pid_t helper;
	size_t count;
	struct user_result *results; /* shared with the helper */
};

/* According to getpwnam(3), these may be returned if the user is not found. */
static bool is_not_found(int error)
{
	return error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
}

struct user_result user_resolve(const char *name)
{
	const struct passwd *user;
	uint32_t number;
	int error;

	errno = 0;
	user = getpwnam(name);
	error = errno;
	if (user)
		return (struct user_result){.uid = user->pw_uid};
	if (!is_not_found(error))
		return (struct user_result){.error = -error};
	if (text_to_number(&number, name, 0, UID_LAST))
		return (struct user_result){.uid = number};
	return (struct user_result){.error = -ENOENT};
}

static size_t results_size(size_t count)
{
	return count * sizeof(struct user_result);
}

static void lookup_free(void *userdata)
{
	struct user_lookup *lookup = userdata;

	sd_event_source_disable_unref(lookup->timer);
	if (lookup->results)
		munmap(lookup->results, results_size(lookup->count));
	free(lookup);
}

static struct user_lookup *lookup_new(size_t count)
{
	struct user_lookup *lookup = calloc(1, sizeof(*lookup));
	void *memory;

	if (!lookup)
		return NULL;
	memory = mmap(NULL, results_size(count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (memory == MAP_FAILED) {
		free(lookup);
		return NULL;
	}
	lookup->results = memory;
	lookup->count = count;
	for (size_t i = 0; i < count; i++)
		lookup->results[i].error = -ETIMEDOUT;
	return lookup;
}

/*
 * The helper must not keep the driver's device or the lock of the KVP journal after the daemon has
 * exited. Kernels before 5.9 and some sandboxes have no close_range().
 */
static void close_inherited(void)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0) == 0)
		return;
#endif
	for (int fd = STDERR_FILENO + 1; fd < sysconf(_SC_OPEN_MAX); fd++)
		close(fd);
}

__attribute__((noreturn)) static void run_helper(struct user_lookup *lookup,
						 const char *const *names, pid_t daemon)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != daemon)
		_exit(EXIT_FAILURE);
	close_inherited();
	for (size_t i = 0; i < lookup->count; i++)
		lookup->results[i] = user_resolve(names[i]);
	_exit(EXIT_SUCCESS);
}

/* The helper may not have exited yet, and may still write to its results. */
static void complete(struct user_lookup *lookup)
{
	user_lookup_handler handler = lookup->handler;

	lookup->handler = NULL;
	lookup->timer = sd_event_source_disable_unref(lookup->timer);
	if (handler)
		handler(lookup->userdata, lookup->results);
}

static int on_exit_of_helper(sd_event_source *source, const siginfo_t *info, void *userdata)
{
	struct user_lookup *lookup = userdata;

	/* It crashed in the name service, or the kernel killed it. */
	for (size_t i = 0; i < lookup->count && info->si_code != CLD_EXITED; i++)
		if (lookup->results[i].error == -ETIMEDOUT)
			lookup->results[i].error = -ECHILD;
	complete(lookup);
	/* Frees the lookup. */
	sd_event_source_set_floating(source, false);
	return 0;
}

static int on_timeout(sd_event_source *source, uint64_t time, void *userdata)
{
	struct user_lookup *lookup = userdata;

	(void)source;
	(void)time;
	kill(lookup->helper, SIGKILL);
	complete(lookup);
	return 0;
}

static int add_sources(struct user_lookup *lookup, sd_event *event, uint64_t timeout)
{
	sd_event_source *child;
	int r;

	r = sd_event_add_time_relative(event, &lookup->timer, CLOCK_MONOTONIC, timeout, 0,
				       on_timeout, lookup);
	if (r >= 0)
		r = sd_event_add_child(event, &child, lookup->helper, WEXITED, on_exit_of_helper,
				       lookup);
	if (r < 0)
		return r;
	sd_event_source_set_destroy_callback(child, lookup_free);
	sd_event_source_set_floating(child, true);
	sd_event_source_unref(child);
	return 0;
}

int user_lookup_start(struct user_lookup **lookup, sd_event *event, const char *const *names,
		      size_t count, uint64_t timeout, user_lookup_handler handler, void *userdata)
{
	struct user_lookup *new = lookup_new(count);
	pid_t daemon = getpid();
	int r;

	if (!new)
		return -ENOMEM;
	new->handler = handler;
	new->userdata = userdata;
	new->helper = fork();
	if (new->helper == 0)
		run_helper(new, names, daemon);
	r = new->helper < 0 ? -errno : add_sources(new, event, timeout);
	if (r < 0) {
		if (new->helper > 0) {
			kill(new->helper, SIGKILL);
			waitpid(new->helper, NULL, 0);
		}
		lookup_free(new);
		return r;
	}
	*lookup = new;
	return 0;
}

void user_lookup_cancel(struct user_lookup *lookup)
{
	if (!lookup)
		return;
	lookup->handler = NULL;
	lookup->timer = sd_event_source_disable_unref(lookup->timer);
	kill(lookup->helper, SIGKILL);
}
