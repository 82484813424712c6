/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The output of vmlogoff: a progress bar on a terminal, otherwise lines, or JSON. */
#ifndef VMG_SHOW_H
#define VMG_SHOW_H

#include "userspace/host/libvmguestos/vmguestos.h"

enum show_format { SHOW_LINES, SHOW_BAR, SHOW_JSON };

struct show {
	enum show_format format;
	const char *machine; /* as typed, and once it was found its name */
	char *name, *guid;   /* of the machine; NULL until it was found. "" if it has no GUID */
	char *last;          /* the last progress line */
};

void show_done(struct show *show);
/* Prints the progress if it has changed. */
void show_progress(struct show *show, IVMTask2 *task);
/* Clears the progress bar before other output. */
void show_clear(const struct show *show);
/* Prints the result. @task may be NULL. */
void show_end(const struct show *show, HRESULT hr, const char *text, IVMTask2 *task);
/* Prints the id of a task that is not waited for. */
void show_started(const struct show *show, IVMTask2 *task);
/* Prints the end of a session in the guest. */
void show_event(const struct show *show, const VMLogoffEvent *event);
/* Prints whether the guest reports sessions that end. */
void show_reporting(const struct show *show, bool reports);
/* Prints the machine's name, and the result of CanLogoff(). */
void show_machine(const struct show *show, HRESULT hr);

#endif /* VMG_SHOW_H */
