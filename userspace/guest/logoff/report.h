/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the transport of a request and the journal receive: progress, outcomes, and the result. */
#ifndef HVL_REPORT_H
#define HVL_REPORT_H

#include <stdint.h>

#include "result.h"

struct engine;

/* Unless nothing has changed. Drops the request if the transport no longer expects reports. */
void report_progress(struct engine *engine);
/* The time at which the percentage of the grace period increases next. */
uint64_t report_next(const struct engine *engine);
/* Ends every request, except those whose transport does not wait for a result any more. */
void report_result(struct engine *engine, const struct result *result);

#endif /* HVL_REPORT_H */
