/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HVL_STEPS_H
#define HVL_STEPS_H

#include <stdbool.h>
#include <stdint.h>

struct engine_ops;

/* What the steps that end sessions and user managers depend on. */
struct steps_context {
	const struct engine_ops *ops;
	void *userdata;    /* of the ops */
	uint64_t escalate; /* microseconds before each stronger step */
	bool force;
	bool include_lingering;
	/* Sessions may have been opened since the last list, so no manager is stopped. */
	bool list_is_old;
};

#endif /* HVL_STEPS_H */
