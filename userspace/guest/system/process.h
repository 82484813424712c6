/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Properties of a process in /proc. A process can give itself any name, even with newlines. */
#ifndef HVL_PROCESS_H
#define HVL_PROCESS_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/* Whether @pid is in the control group (v2) @group, a path from the root group. */
bool process_is_in(pid_t pid, const char *group);
/* The controlling terminal of @pid, or 0 if it has none. */
dev_t process_terminal(pid_t pid);

/* /proc/PID/cgroup, or NULL. */
FILE *process_open_cgroup(pid_t pid);

/* The same for an open /proc/PID/cgroup or /proc/PID/stat. */
bool process_cgroup_is(FILE *cgroup, const char *group);
dev_t process_stat_terminal(FILE *stat);

/*
 * The control group in the hierarchy of systemd, of version 2 or 1, in an open /proc/PID/cgroup.
 * Returns a path from the root group that the caller frees, or NULL.
 */
char *process_cgroup_path(FILE *cgroup);
/* The same for the freezer of version 1. */
char *process_freezer_path(FILE *cgroup);

/* From /proc/PID/status. */
struct process_status {
	pid_t parent; /* or 0 */
	uid_t uid;    /* the real one */
	bool ended;   /* a zombie */
	bool nested;  /* in another PID namespace, as in a container */
};

/* Returns false unless @file, an open /proc/PID/status, has all fields. */
bool process_read_status(FILE *file, struct process_status *status);

#endif /* HVL_PROCESS_H */
