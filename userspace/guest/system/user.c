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
	const char *const *names; /* only valid in the helper, as are the uids */
	const uid_t *uids;        /* if there are no names */
	user_lookup_handler handler;
	void *userdata;
	sd_event_source *timer;
	pid_t helper;
	size_t count;
	struct user_result *shared;  /* with the helper */
	struct user_result *results; /* copied when the lookup completes */
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

/* A name that is too long is unusable. */
static struct user_result look_up_name(uid_t uid)
{
	struct user_result result = {.uid = uid};
	const struct passwd *user;

	errno = 0;
	user = getpwuid(uid);
	if (!user)
		result.error = is_not_found(errno) ? -ENOENT : -errno;
	else if (strlen(user->pw_name) >= sizeof(result.name))
		result.error = -ENAMETOOLONG;
	else
		text_clean_line(result.name, sizeof(result.name), user->pw_name);
	return result;
}

static size_t results_size(size_t count)
{
	return count * sizeof(struct user_result);
}

static void lookup_free(void *userdata)
{
	struct user_lookup *lookup = userdata;

	sd_event_source_disable_unref(lookup->timer);
	if (lookup->shared)
		munmap(lookup->shared, results_size(lookup->count));
	free(lookup->results);
	free(lookup);
}

static struct user_lookup *lookup_new(size_t count, user_lookup_handler handler, void *userdata)
{
	struct user_lookup *lookup = calloc(1, sizeof(*lookup));
	void *memory;

	if (!lookup)
		return NULL;
	*lookup = (struct user_lookup){.handler = handler, .userdata = userdata, .count = count};
	lookup->results = calloc(count, sizeof(*lookup->results));
	memory = mmap(NULL, results_size(count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (memory != MAP_FAILED)
		lookup->shared = memory;
	if (!lookup->shared || !lookup->results) {
		lookup_free(lookup);
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		lookup->shared[i].error = -ETIMEDOUT;
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

/* The error comes last: once it is set, the rest is complete. */
static void publish(struct user_result *shared, struct user_result result)
{
	shared->uid = result.uid;
	memcpy(shared->name, result.name, sizeof(shared->name));
	__atomic_store_n(&shared->error, result.error, __ATOMIC_RELEASE);
}

__attribute__((noreturn)) static void run_helper(struct user_lookup *lookup, pid_t daemon)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != daemon)
		_exit(EXIT_FAILURE);
	close_inherited();
	for (size_t i = 0; i < lookup->count; i++)
		publish(&lookup->shared[i], lookup->names ? user_resolve(lookup->names[i])
							  : look_up_name(lookup->uids[i]));
	_exit(EXIT_SUCCESS);
}

/* The helper may not have exited yet, and may still write to its results. */
static void complete(struct user_lookup *lookup)
{
	user_lookup_handler handler = lookup->handler;

	lookup->handler = NULL;
	lookup->timer = sd_event_source_disable_unref(lookup->timer);
	for (size_t i = 0; i < lookup->count; i++) {
		int error = __atomic_load_n(&lookup->shared[i].error, __ATOMIC_ACQUIRE);

		if (error == 0)
			lookup->results[i] = lookup->shared[i];
		lookup->results[i].error = error;
	}
	if (handler)
		handler(lookup->userdata, lookup->results);
}

static int on_exit_of_helper(sd_event_source *source, const siginfo_t *info, void *userdata)
{
	struct user_lookup *lookup = userdata;

	/* It crashed in the name service, or the kernel killed it. */
	for (size_t i = 0; i < lookup->count && info->si_code != CLD_EXITED; i++)
		if (lookup->shared[i].error == -ETIMEDOUT)
			lookup->shared[i].error = -ECHILD;
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

/* Takes ownership of @new, which may be NULL. Its handler and names or uids have been set. */
static int start(struct user_lookup **lookup, struct user_lookup *new, sd_event *event,
		 uint64_t timeout)
{
	pid_t daemon = getpid();
	int r;

	if (!new)
		return -ENOMEM;
	new->helper = fork();
	if (new->helper == 0)
		run_helper(new, daemon);
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

int user_lookup_start(struct user_lookup **lookup, sd_event *event, const char *const *names,
		      size_t count, uint64_t timeout, user_lookup_handler handler, void *userdata)
{
	struct user_lookup *new = lookup_new(count, handler, userdata);

	if (new)
		new->names = names;
	return start(lookup, new, event, timeout);
}

int user_name_lookup_start(struct user_lookup **lookup, sd_event *event, const uid_t *uids,
			   size_t count, uint64_t timeout, user_lookup_handler handler,
			   void *userdata)
{
	struct user_lookup *new = lookup_new(count, handler, userdata);

	if (new)
		new->uids = uids;
	return start(lookup, new, event, timeout);
}

void user_lookup_cancel(struct user_lookup *lookup)
{
	if (!lookup)
		return;
	lookup->handler = NULL;
	lookup->timer = sd_event_source_disable_unref(lookup->timer);
	kill(lookup->helper, SIGKILL);
}
