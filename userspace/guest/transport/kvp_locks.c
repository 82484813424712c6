// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvp_locks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "kvp_pool.h"
#include "userspace/guest/log.h"
#include "userspace/shared/text.h"
#include "userspace/shared/util.h"

/* The intervals between checks while no pool is locked, and while one is. */
#define IDLE_INTERVAL (60 * USEC_PER_SEC)
#define BUSY_INTERVAL USEC_PER_SEC

/* "1: POSIX  ADVISORY  READ 42 08:01:1234 0 EOF". Processes that wait have "->" after the colon. */
static bool parse(const char *line, struct kvp_lock *lock, dev_t *device, ino_t *inode)
{
	unsigned long long number;
	unsigned int major, minor;
	char type[8];
	int pid;

	if (sscanf(line, "%*u: %7s %*s %*s %d %x:%x:%llu", type, &pid, &major, &minor, &number) !=
		    5 ||
	    !strcmp(type, "->"))
		return false;
	*lock = (struct kvp_lock){.pid = pid, .flock = !strcmp(type, "FLOCK")};
	*device = makedev(major, minor);
	*inode = number;
	return true;
}

bool kvp_locks_find(struct kvp_lock *lock, FILE *table, dev_t device, ino_t inode)
{
	struct kvp_lock next;
	bool found = false;
	char line[256];
	dev_t on;
	ino_t of;

	while (fgets(line, sizeof(line), table)) {
		if (!parse(line, &next, &on, &of) || on != device || of != inode)
			continue;
		*lock = next;
		found = true;
		if (!next.flock)
			break;
	}
	return found;
}

/*
 * The device as in /proc/locks. That in struct stat differs on file systems with subvolumes,
 * such as btrfs; the mount table has the right one.
 */
static int mount_device(unsigned long long mount, dev_t *device)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	unsigned int major, minor;
	unsigned long long id;
	size_t size = 0;

	if (!file)
		return -errno;
	while (getline(&line, &size, file) > 0) {
		if (sscanf(line, "%llu %*u %u:%u", &id, &major, &minor) != 3 || id != mount)
			continue;
		*device = makedev(major, minor);
		return 0;
	}
	return -ENOENT;
}

static bool find_lock(const struct kvp_locks *locks, enum hv_kvp_exchg_pool pool,
		      struct kvp_lock *lock)
{
	_cleanup_fclose_ FILE *table = NULL;
	char path[PATH_MAX];
	struct statx status;
	dev_t device = 0;

	snprintf(path, sizeof(path), "%s/%s", locks->directory, kvp_pool_name(pool));
	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_MNT_ID, &status) < 0)
		return false;
	/* qemu-user reports no mount. Without subvolumes, the two devices are the same. */
	if (mount_device(status.stx_mnt_id, &device) < 0)
		device = makedev(status.stx_dev_major, status.stx_dev_minor);
	table = fopen("/proc/locks", "re");
	return table && kvp_locks_find(lock, table, device, status.stx_ino);
}

/* A process can give itself any name. */
static void describe(char *text, size_t size, const struct kvp_lock *lock)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[32], name[32] = "", clean[32];
	struct stat status;

	if (lock->pid <= 0) {
		snprintf(text, size, "%s",
			 lock->pid ? "an open file that processes may share (see lsof)"
				   : "a process that /proc/locks does not show");
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)lock->pid);
	file = fopen(path, "re");
	if (!file || fstat(fileno(file), &status) < 0) {
		snprintf(text, size, "process %d, which has exited", (int)lock->pid);
		return;
	}
	name[fread(name, 1, sizeof(name) - 1, file)] = '\0';
	name[strcspn(name, "\n")] = '\0';
	text_clean_line(clean, sizeof(clean), name);
	snprintf(text, size, "process %d (%s) of user %u", (int)lock->pid, clean,
		 (unsigned int)status.st_uid);
}

static void log_lock(const struct kvp_locks *locks, enum hv_kvp_exchg_pool pool,
		     const struct kvp_lock *lock)
{
	char owner[128];

	describe(owner, sizeof(owner), lock);
	log_message(LOG_WARNING, "The pool %s/%s has been locked for %u s by %s. %s",
		    locks->directory, kvp_pool_name(pool),
		    (unsigned int)(KVP_LOCKS_PERIOD / USEC_PER_SEC), owner,
		    lock->flock ? "That lock, by flock(), is ignored now."
				: "Requests by KVP fail or are answered late until the lock is "
				  "released.");
}

/* Returns whether to check again soon, because a lock has not been logged yet. */
static bool check_pool(struct kvp_locks *locks, enum hv_kvp_exchg_pool pool)
{
	struct kvp_lock lock = {0};
	bool found = find_lock(locks, pool, &lock);
	uint64_t now = monotonic_usec();

	/* Nothing that uses pools 2 to 4 respects flock(). */
	found = found && !(lock.flock && pool > KVP_POOL_GUEST);
	if (!found && !locks->pools[pool].busy) {
		if (locks->pools[pool].logged)
			log_message(LOG_INFO, "The pool %s/%s is no longer locked.",
				    locks->directory, kvp_pool_name(pool));
		locks->pools[pool].logged = false;
		locks->pools[pool].since = 0;
		return false;
	}
	locks->pools[pool].busy = false;
	/* After the lock that was logged, another one may have been made between two checks. */
	if (!locks->pools[pool].since ||
	    (locks->pools[pool].logged && locks->pools[pool].owner != lock.pid)) {
		locks->pools[pool].since = now;
		locks->pools[pool].logged = false;
	}
	if (!locks->pools[pool].logged && now - locks->pools[pool].since >= KVP_LOCKS_PERIOD) {
		log_lock(locks, pool, &lock);
		locks->pools[pool].logged = true;
		locks->pools[pool].owner = lock.pid;
	}
	return !locks->pools[pool].logged;
}

static void schedule(const struct kvp_locks *locks, uint64_t delay)
{
	sd_event_source_set_time_relative(locks->timer, delay);
	/* With a low accuracy, sd-event wakes up for this and for the watchdog at the same time. */
	sd_event_source_set_time_accuracy(locks->timer, delay / 3);
	sd_event_source_set_enabled(locks->timer, SD_EVENT_ONESHOT);
}

static int on_time(sd_event_source *source, uint64_t time, void *userdata)
{
	struct kvp_locks *locks = userdata;
	bool soon = false;

	(void)source;
	(void)time;
	for (unsigned int i = 0; i < KVP_POOL_COUNT; i++)
		soon |= check_pool(locks, i);
	schedule(locks, soon ? BUSY_INTERVAL : IDLE_INTERVAL);
	return 0;
}

int kvp_locks_start(struct kvp_locks *locks, sd_event *event, const char *directory)
{
	*locks = (struct kvp_locks){.directory = directory};
	return sd_event_add_time_relative(event, &locks->timer, CLOCK_MONOTONIC, IDLE_INTERVAL,
					  IDLE_INTERVAL / 3, on_time, locks);
}

void kvp_locks_busy(struct kvp_locks *locks, enum hv_kvp_exchg_pool pool)
{
	bool first = !locks->pools[pool].since && !locks->pools[pool].busy;

	locks->pools[pool].busy = true;
	if (first)
		schedule(locks, BUSY_INTERVAL);
}

void kvp_locks_done(struct kvp_locks *locks)
{
	locks->timer = sd_event_source_disable_unref(locks->timer);
}
