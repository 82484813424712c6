/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a machine is made of, and the one decision where it runs: here, if this
 * machine's KVM has the Hyper-V interface, or inside an outer machine that
 * software emulates. Both runners give the same control socket and the same
 * console log; nothing above this header knows which it was.
 */
#ifndef HVHOST_MACHINE_H
#define HVHOST_MACHINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/hvhost/control/permission.h"

struct machine_config {
	char *name;
	char *directory;         /* of this machine's files: control.sock, machine.json, logs */
	char *kernel;            /* bzImage */
	char *initrd;            /* one file, or NULL */
	char *append;            /* kernel command line */
	unsigned int memory;     /* MiB */
	unsigned int cpus;       /* 1 to 4 */
	unsigned int persistent; /* MiB of memory that a reset leaves alone; 0: none */
	char *no_offer;          /* components that are not offered, separated by commas; or NULL */
	uint32_t vmbus_version;  /* highest that the host speaks, major << 16 | minor */
	uint32_t message_version; /* the same, of the logoff component's messages */
	struct access access;     /* its owner is whoever starts the machine, and not kept */
};

/*
 * config.c; the JSON form is kept in DIRECTORY/machine.json and goes into the
 * outer machine. 0 or -errno.
 */
void machine_config_done(struct machine_config *config);
json_t *machine_config_to_json(const struct machine_config *config);
int machine_config_from_json(const json_t *json, struct machine_config *config);
int machine_config_save(const struct machine_config *config);
int machine_config_load(const char *directory, struct machine_config *config);

/*
 * Both serve DIRECTORY/control.sock, write the guest's first serial port to
 * DIRECTORY/console.log, and return when the guest has powered off or was
 * stopped: 0, or -errno after saying why on standard error. `ready` is written
 * one line at a time of what is being waited for while the machine starts, and
 * is closed once the control socket answers. @relayed: whoever connects is the
 * outer machine's relay, which says first for whom; see peer.h.
 */
int vmm_run(const struct machine_config *config, bool relayed, int ready);
int outer_run(const struct machine_config *config, int ready);

/* outer.c: whether this machine's KVM can't do it. */
bool outer_needed(void);

/* outer_init.c: process 1 of the outer machine; runs vmm_run() and never returns. */
_Noreturn void outer_init(void);

#endif /* HVHOST_MACHINE_H */
