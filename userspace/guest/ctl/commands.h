/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of hv-logoffctl. Each returns its exit status, see hv-logoffctl(8). */
#ifndef HVL_COMMANDS_H
#define HVL_COMMANDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "doctor.h"

/* The daemon's interface on the system bus. */
int command_status(bool json);
int command_list(bool json);
/* The daemon's status, or NULL; the reason is printed unless @quiet. */
json_t *get_status(bool quiet);
/* @id: of the request, or 0 for the one that is in progress. */
int command_cancel(uint64_t id);

/* The newest @lines entries of the journal about requests; of the request @id unless it is NULL. */
int command_history(bool json, unsigned int lines, const char *id);

int command_doctor(bool json);
/* The part of it that prints what doctor_run() has found. */
void doctor_print(const struct doctor *doctor, bool json, FILE *stream);

#endif /* HVL_COMMANDS_H */
