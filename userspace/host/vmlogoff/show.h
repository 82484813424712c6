/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vmlogoff writes: a bar on a terminal, lines elsewhere, or JSON. */
#ifndef VMG_SHOW_H
#define VMG_SHOW_H

#include "userspace/host/libvmguestos/vmguestos.h"

enum show_how { SHOW_LINES, SHOW_BAR, SHOW_JSON };

struct show {
	enum show_how how;
	const char *machine;
	char *last; /* the line of progress that was written last */
};

void show_done(struct show *show);
/* How the task stands, if that is news. */
void show_progress(struct show *show, IVMTask2 *task);
/* The line is free for other words. */
void show_break(const struct show *show);
/* The last word; @task is NULL if there is none, or none that is waited for. */
void show_end(const struct show *show, HRESULT hr, const char *text, IVMTask2 *task);
/* A task that goes on without anyone who waits for it. */
void show_started(const struct show *show, IVMTask2 *task);
/* Somebody was logged off in the guest. */
void show_event(const struct show *show, const VMLogoffEvent *event);
/* Whether the guest says so. */
void show_reporting(const struct show *show, bool reports);
/* A machine and whether its users can be logged off. */
void show_machine(enum show_how how, const char *machine, HRESULT hr);

#endif /* VMG_SHOW_H */
