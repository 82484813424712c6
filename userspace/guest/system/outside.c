// SPDX-License-Identifier: GPL-2.0-or-later
#include "outside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/major.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/types.h>

#include "process.h"
#include "user.h"
#include "userspace/guest/log.h"
#include "userspace/shared/text.h"
#include "userspace/shared/util.h"

#define TIMEOUT (2 * USEC_PER_SEC)

/* Of the timeout, in percent. The rest is for the names. */
#define SEARCH_PART 75

/* Processes for each turn of the event loop, so that it is not blocked. */
#define TURN 64

#define PROCESSES_MAX 65536
#define LOOKUPS_MAX   256

#define NO_SERVICE SIZE_MAX

/* The parent of the kernel's threads, and the file with their PIDs. */
#define KTHREADD       2
#define KERNEL_THREADS "2/task/2/children"

/* A process that may be of a user without a session. */
struct process {
	uid_t uid;
	bool has_pty;   /* its controlling terminal is a pseudoterminal */
	size_t service; /* an index, or NO_SERVICE */
};

struct lookup {
	char *unit;
	bool terminal; /* whether its standard input is of interest */
	bool pending;
	bool found;
	struct service service;
};

/* Its stages: the directory /proc is read, services and then users are looked up. */
struct outside_search {
	sd_event_source *scan;
	sd_event_source *timer;
	uint64_t deadline;
	DIR *proc;
	unsigned int scanned;
	uint32_t uid_min, uid_max; /* of users, as opposed to system users */
	unsigned int *threads;     /* PIDs of kernel threads, in ascending order */
	size_t thread_count;

	struct process *processes;
	size_t process_count;
	size_t process_space;
	struct lookup *lookups;
	size_t lookup_count;
	size_t pending; /* lookups, and 1 while they are started */

	struct outside_user *users;
	uid_t *uids; /* of the users */
	size_t user_count;
	struct user_lookup *names;
};

static void search_free(struct outside_search *search)
{
	if (!search)
		return;
	sd_event_source_disable_unref(search->scan);
	sd_event_source_disable_unref(search->timer);
	user_lookup_cancel(search->names);
	if (search->proc)
		closedir(search->proc);
	for (size_t i = 0; i < search->lookup_count; i++)
		free(search->lookups[i].unit);
	free(search->lookups);
	free(search->threads);
	free(search->processes);
	free(search->users);
	free(search->uids);
	free(search);
}

void outside_init(struct outside *outside, sd_event *event, const struct outside_ops *ops,
		  void *userdata)
{
	*outside = (struct outside){
		.event = event,
		.ops = ops,
		.userdata = userdata,
		.proc = "/proc",
		.login_defs = "/etc/login.defs",
		.timeout = TIMEOUT,
	};
}

void outside_done(struct outside *outside)
{
	search_free(outside->search);
	outside->search = NULL;
}

/* The defaults are those of login.defs(5). */
static void read_limits(struct outside_search *search, const char *login_defs)
{
	_cleanup_fclose_ FILE *file = fopen(login_defs, "re");
	_cleanup_free_ char *line = NULL;
	char key[16], value[16];
	size_t size = 0;

	search->uid_min = 1000;
	search->uid_max = 60000;
	while (file && getline(&line, &size, file) > 0) {
		/* Most lines are comments. */
		if (line[strspn(line, " \t")] != 'U' || sscanf(line, "%15s %15s", key, value) != 2)
			continue;
		if (!strcmp(key, "UID_MIN"))
			text_to_number(&search->uid_min, value, 0, UINT32_MAX);
		else if (!strcmp(key, "UID_MAX"))
			text_to_number(&search->uid_max, value, 0, UINT32_MAX);
	}
}

static void finish(struct outside *outside)
{
	struct outside_search *search = outside->search;

	/* The next search may be started by the callback. */
	outside->search = NULL;
	outside->ops->found(outside->userdata, search->users, search->user_count);
	search_free(search);
}

static void on_names(void *userdata, const struct user_result *results)
{
	struct outside *outside = userdata;
	struct outside_search *search = outside->search;

	search->names = NULL;
	for (size_t i = 0; i < search->user_count; i++)
		if (results[i].error == 0)
			search->users[i].user = results[i].name;
	finish(outside);
}

/*
 * A service's own processes have its uid. Processes of root are also the service's, unless root has
 * logged on: on a pseudoterminal, or on the terminal of a login prompt. A display server has a
 * terminal, too.
 */
static bool is_outside(const struct outside_search *search, const struct process *process)
{
	const struct lookup *lookup;

	if (process->service == NO_SERVICE)
		return true;
	lookup = &search->lookups[process->service];
	if (!lookup->found || process->uid == lookup->service.uid)
		return false;
	if (process->uid != 0)
		return true;
	return process->has_pty || lookup->service.terminal;
}

static int compare_uids(const void *a, const void *b)
{
	uid_t first = ((const struct process *)a)->uid, second = ((const struct process *)b)->uid;

	return first < second ? -1 : first > second;
}

static int count_users(struct outside_search *search)
{
	search->users = calloc(search->process_count + 1, sizeof(*search->users));
	search->uids = calloc(search->process_count + 1, sizeof(*search->uids));
	if (!search->users || !search->uids)
		return -ENOMEM;
	if (search->process_count > 0)
		qsort(search->processes, search->process_count, sizeof(*search->processes),
		      compare_uids);
	for (size_t i = 0; i < search->process_count; i++) {
		uid_t uid = search->processes[i].uid;

		if (!is_outside(search, &search->processes[i]))
			continue;
		if (search->user_count == 0 || search->uids[search->user_count - 1] != uid) {
			search->uids[search->user_count] = uid;
			search->users[search->user_count++] =
				(struct outside_user){.uid = uid, .user = ""};
		}
		search->users[search->user_count - 1].processes++;
	}
	return 0;
}

static void find_names(struct outside *outside)
{
	struct outside_search *search = outside->search;
	uint64_t now = monotonic_usec();
	int r;

	search->timer = sd_event_source_disable_unref(search->timer);
	search->scan = sd_event_source_disable_unref(search->scan);
	r = count_users(search);
	if (r >= 0 && search->user_count > 0)
		r = user_name_lookup_start(
			&search->names, outside->event, search->uids, search->user_count,
			search->deadline > now ? search->deadline - now : 0, on_names, outside);
	if (r < 0)
		log_message(LOG_WARNING, "Cannot look up the names of users: %s.", strerror(-r));
	if (!search->names)
		finish(outside);
}

static void complete_lookup(struct outside *outside)
{
	if (--outside->search->pending == 0)
		find_names(outside);
}

static void look_up_services(struct outside *outside)
{
	struct outside_search *search = outside->search;
	int r;

	search->pending = 1;
	for (size_t i = 0; i < search->lookup_count; i++) {
		search->lookups[i].pending = true;
		search->pending++;
		r = outside->ops->look_up_service(outside->userdata, search->lookups[i].unit,
						  search->lookups[i].terminal);
		if (r < 0)
			outside_service_found(outside, search->lookups[i].unit, NULL);
	}
	complete_lookup(outside);
}

void outside_service_found(struct outside *outside, const char *unit, const struct service *service)
{
	struct outside_search *search = outside->search;

	/* After the time for the services, the users have been counted without this answer. */
	if (!search || search->users)
		return;
	for (size_t i = 0; i < search->lookup_count; i++) {
		struct lookup *lookup = &search->lookups[i];

		if (!lookup->pending || strcmp(lookup->unit, unit) != 0)
			continue;
		lookup->pending = false;
		lookup->found = service;
		if (service)
			lookup->service = *service;
		complete_lookup(outside);
		return;
	}
}

static FILE *open_file(const struct outside_search *search, const char *path)
{
	int fd = openat(dirfd(search->proc), path, O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

	if (!file && fd >= 0)
		close(fd);
	return file;
}

static FILE *open_proc(const struct outside_search *search, unsigned int pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "%u/%s", pid, name);
	return open_file(search, path);
}

static int compare_pids(const void *a, const void *b)
{
	unsigned int first = *(const unsigned int *)a, second = *(const unsigned int *)b;

	return first < second ? -1 : first > second;
}

/*
 * Most processes of an idle machine are kernel threads, which one file lists. It may not exist, and
 * a thread may be missing in it: then its parent tells what it is.
 */
static void find_kernel_threads(struct outside_search *search)
{
	_cleanup_fclose_ FILE *file = open_file(search, KERNEL_THREADS);
	unsigned int *threads;
	unsigned int pid;

	while (file && fscanf(file, "%u", &pid) == 1) {
		if (search->thread_count % TURN == 0) {
			threads = reallocarray(search->threads, search->thread_count + TURN,
					       sizeof(*threads));
			if (!threads)
				break;
			search->threads = threads;
		}
		search->threads[search->thread_count++] = pid;
	}
	if (search->thread_count > 0)
		qsort(search->threads, search->thread_count, sizeof(*search->threads),
		      compare_pids);
}

static bool is_kernel_thread(const struct outside_search *search, unsigned int pid)
{
	return search->thread_count > 0 && bsearch(&pid, search->threads, search->thread_count,
						   sizeof(*search->threads), compare_pids);
}

static bool is_in_slice(const char *group, const char *slice)
{
	size_t length = strlen(slice);

	return !strncmp(group, slice, length) && (group[length] == '/' || !group[length]);
}

static bool has_suffix(const char *text, size_t length, const char *suffix)
{
	return length > strlen(suffix) &&
	       !memcmp(text + length - strlen(suffix), suffix, strlen(suffix));
}

/*
 * The service in the path of a control group, allocated; or NULL. The unit is the first part that
 * is not a slice. systemd puts a "_" in front of a name that could be one of the kernel's files.
 */
static char *service_of(const char *group)
{
	const char *part = group;

	while (*part == '/') {
		size_t length = strcspn(++part, "/");

		if (has_suffix(part, length, ".service"))
			return strndup(part + (*part == '_'), length - (*part == '_'));
		if (!has_suffix(part, length, ".slice"))
			return NULL;
		part += length;
	}
	return NULL;
}

/* Takes ownership of @unit. Sets the index of its lookup. Returns 0 or -errno. */
static int add_lookup(struct outside_search *search, char *unit, size_t *index)
{
	struct lookup *lookups = NULL;
	size_t i = 0;

	while (i < search->lookup_count && strcmp(search->lookups[i].unit, unit) != 0)
		i++;
	*index = i;
	if (i < search->lookup_count) {
		free(unit);
		return 0;
	}
	if (i < LOOKUPS_MAX)
		lookups = reallocarray(search->lookups, i + 1, sizeof(*lookups));
	if (!lookups) {
		free(unit);
		return i < LOOKUPS_MAX ? -ENOMEM : -ENOBUFS;
	}
	search->lookups = lookups;
	lookups[search->lookup_count++] = (struct lookup){.unit = unit};
	return 0;
}

static int add_process(struct outside_search *search, const struct process *process)
{
	size_t space = search->process_space ? 2 * search->process_space : TURN;
	struct process *processes;

	if (search->process_count == search->process_space) {
		processes = reallocarray(search->processes, space, sizeof(*processes));
		if (!processes)
			return -ENOMEM;
		search->processes = processes;
		search->process_space = space;
	}
	search->processes[search->process_count++] = *process;
	return 0;
}

static bool is_pty(dev_t terminal)
{
	return major(terminal) >= UNIX98_PTY_SLAVE_MAJOR &&
	       major(terminal) < UNIX98_PTY_SLAVE_MAJOR + UNIX98_PTY_MAJOR_COUNT;
}

static dev_t read_terminal(const struct outside_search *search, unsigned int pid)
{
	_cleanup_fclose_ FILE *file = open_proc(search, pid, "stat");

	return file ? process_stat_terminal(file) : 0;
}

/* Whether the process is of a user, as far as its own properties show. */
static bool is_candidate(const struct outside_search *search, unsigned int pid,
			 struct process *process)
{
	_cleanup_fclose_ FILE *file = open_proc(search, pid, "status");
	struct process_status status;
	dev_t terminal;

	if (!file || !process_read_status(file, &status) || status.ended || status.nested ||
	    status.parent == KTHREADD)
		return false;
	process->uid = status.uid;
	if (status.uid != 0 && status.uid >= search->uid_min && status.uid <= search->uid_max)
		return true;
	/* What PID 1 has started as root on a terminal is a login prompt, or another service. */
	if (status.uid == 0 && status.parent == 1)
		return false;
	terminal = read_terminal(search, pid);
	process->has_pty = is_pty(terminal);
	return terminal;
}

/* The process may end while its files are read. Returns 0 or -errno. */
static int look_at(struct outside_search *search, unsigned int pid)
{
	struct process process = {.service = NO_SERVICE};
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_free_ char *group = NULL;
	char *service;
	int r = 0;

	if (!is_candidate(search, pid, &process))
		return 0;
	file = open_proc(search, pid, "cgroup");
	group = file ? process_cgroup_path(file) : NULL;
	if (!group || is_in_slice(group, "/user.slice") || is_in_slice(group, "/machine.slice"))
		return 0;
	service = service_of(group);
	if (service)
		r = add_lookup(search, service, &process.service);
	if (r < 0)
		return r;
	if (service && process.uid == 0 && !process.has_pty)
		search->lookups[process.service].terminal = true;
	return add_process(search, &process);
}

/* Returns 1 if there may be more processes, 0, or -errno. */
static int scan(struct outside_search *search)
{
	const struct dirent *entry;
	unsigned int pid;
	int r;

	for (unsigned int i = 0; i < TURN; i++) {
		entry = readdir(search->proc);
		if (!entry)
			return 0;
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		pid = strtoul(entry->d_name, NULL, 10);
		if (is_kernel_thread(search, pid))
			continue;
		if (++search->scanned > PROCESSES_MAX)
			return -E2BIG;
		r = look_at(search, pid);
		if (r < 0)
			return r;
	}
	return 1;
}

static void log_incomplete(int error)
{
	const char *reason = error == -E2BIG       ? "there are too many processes"
			     : error == -ENOBUFS   ? "there are processes in too many services"
			     : error == -ETIMEDOUT ? "it took too long"
						   : strerror(-error);

	log_message(LOG_WARNING, "Not all processes without a session were found: %s.", reason);
}

static int on_scan(sd_event_source *source, void *userdata)
{
	struct outside *outside = userdata;
	int r = scan(outside->search);

	if (r > 0)
		return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	if (r < 0)
		log_incomplete(r);
	look_up_services(outside);
	return 0;
}

static int on_timeout(sd_event_source *source, uint64_t time, void *userdata)
{
	(void)source;
	(void)time;
	log_incomplete(-ETIMEDOUT);
	find_names(userdata);
	return 0;
}

static int start_search(struct outside *outside, struct outside_search *search)
{
	int r;

	search->deadline = monotonic_usec() + outside->timeout;
	search->proc = opendir(outside->proc);
	if (!search->proc)
		return -errno;
	read_limits(search, outside->login_defs);
	find_kernel_threads(search);
	r = sd_event_add_time_relative(outside->event, &search->timer, CLOCK_MONOTONIC,
				       outside->timeout * SEARCH_PART / 100, 0, on_timeout,
				       outside);
	if (r >= 0)
		r = sd_event_add_defer(outside->event, &search->scan, on_scan, outside);
	return r < 0 ? r : 0;
}

int outside_find(struct outside *outside)
{
	struct outside_search *search = calloc(1, sizeof(*search));
	int r = search ? start_search(outside, search) : -ENOMEM;

	outside_done(outside);
	if (r < 0)
		search_free(search);
	else
		outside->search = search;
	return r;
}
