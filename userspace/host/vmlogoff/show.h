/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The output of vmlogoff: progress bars on a terminal, otherwise lines, or JSON. Any thread may
 * call any function.
 */
#ifndef VMG_SHOW_H
#define VMG_SHOW_H

#include <pthread.h>

#include "machines.h"
#include "userspace/host/libvmguestos/vmguestos.h"
#include "userspace/shared/util.h"

enum show_format { SHOW_LINES, SHOW_BAR, SHOW_JSON };

struct show {
	enum show_format format;
	pthread_mutex_t lock; /* protects the output, the following, and lines of machines */
	struct machines *machines;
	size_t bars; /* the number of lines above the cursor that are bars */
};

void show_init(struct show *show, enum show_format format, struct machines *machines);

/* Prints a message on standard error, above the bars. */
void show_note(struct show *show, const char *format, ...) _printf_(2, 3);
/* Prints the progress of @machine if it has changed. */
void show_progress(struct show *show, struct machine *machine, IVMTask2 *task);
/* Prints the result of @machine, with @text, a sentence. @task may be NULL. */
void show_end(struct show *show, struct machine *machine, const char *text, IVMTask2 *task);
/*
 * Prints the result of @machine, to which no request was sent, and similar names if it is unknown.
 * @text is "" for the usual text of the result.
 */
void show_failure(struct show *show, struct machine *machine, const char *text);
/* Prints the id of a task that is not waited for. */
void show_started(struct show *show, struct machine *machine, IVMTask2 *task);
/* Prints that the guest, or by KVP the host, has accepted a cancellation. */
void show_cancelled(struct show *show, struct machine *machine);
/* Prints why --all omits @machine. */
void show_skipped(struct show *show, struct machine *machine);
/* Prints how many machines were @done, how many had @nothing to do, and which failed. */
void show_summary(struct show *show, const char *done, const char *nothing);
/* Prints the end of a session in the guest. */
void show_event(struct show *show, const struct machine *machine, const VMLogoffEvent *event);
/* Prints whether the guest reports sessions that end. */
void show_reporting(struct show *show, const struct machine *machine, bool reports);
/* Prints the machine and its result, that of CanLogoff(). */
void show_machine(struct show *show, const struct machine *machine);
/* Prints that the sockets' service is in the host's registry now, or not any more. */
void show_registration(struct show *show, bool registered);
/* Prints why nothing is done, without a machine. */
void show_refusal(struct show *show, HRESULT hr, const char *text);

#endif /* VMG_SHOW_H */
