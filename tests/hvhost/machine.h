/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration of a machine, and the choice where it runs: on this machine's KVM if that has
 * the Hyper-V interface, otherwise in an outer machine that is emulated in software. Both provide
 * the same control socket and the same console log; the users of this header do not depend on which
 * one is used.
 */
#ifndef HVHOST_MACHINE_H
#define HVHOST_MACHINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/hvhost/control/permission.h"

struct machine_config {
	char *name;
	char *guid;              /* made at the first start of the machine */
	char *directory;         /* of this machine's files: control.sock, machine.json, logs */
	char *kernel;            /* bzImage */
	char *initrd;            /* one file, or NULL */
	char *append;            /* kernel command line */
	unsigned int memory;     /* MiB */
	unsigned int cpus;       /* 1 to 4 */
	unsigned int persistent; /* MiB of memory that a reset preserves; 0: none */
	char *no_offer;          /* components that are not offered, separated by commas; or NULL */
	uint32_t vmbus_version;  /* highest that the host accepts, major << 16 | minor */
	uint32_t message_version; /* the same, of the logoff component's messages */
	struct access access;     /* the owner is the user who starts the machine; not saved */
};

/*
 * machine.c. The JSON form is saved in DIRECTORY/machine.json, and is copied into the outer
 * machine. Functions return 0 or -errno.
 */
void machine_config_done(struct machine_config *config);
json_t *machine_config_to_json(const struct machine_config *config);
int machine_config_from_json(const json_t *json, struct machine_config *config);
int machine_config_save(const struct machine_config *config);
int machine_config_load(const char *directory, struct machine_config *config);

/*
 * Both serve DIRECTORY/control.sock, write the guest's first serial port to DIRECTORY/console.log,
 * and return once the guest has powered off or was stopped: 0, or -errno after reporting the reason
 * on standard error. The progress of the start is written to @ready, which is closed once the
 * control socket accepts connections. With @relayed, the only client is the outer machine's relay,
 * which starts each connection with the credentials of the client it connects for; see peer.h. QEMU
 * inherits @lock, the descriptor that holds the lock on DIRECTORY; see lock.h.
 */
int vmm_run(const struct machine_config *config, bool relayed, int ready);
int outer_run(const struct machine_config *config, int ready, int lock);

/* outer.c: whether this machine's KVM cannot run a machine. */
bool outer_needed(void);

/* init.c: process 1 of the outer machine; runs vmm_run() and never returns. */
_Noreturn void outer_init(void);

#endif /* HVHOST_MACHINE_H */
