/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's side of one vCPU's synthetic interrupt controller: messages and
 * event flags for the VMBus' SINT. KVM does the registers and the interrupts.
 */
#ifndef HVHOST_SYNIC_H
#define HVHOST_SYNIC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "tests/hvhost/loop.h"

#define VMBUS_SINT        2
#define SYNIC_PAYLOAD_MAX 240
#define SYNIC_QUEUE_MAX   1024
#define SYNIC_FLAGS       2048

struct vm;

struct synic_message {
	STAILQ_ENTRY(synic_message) entry;
	size_t length;
	uint8_t payload[SYNIC_PAYLOAD_MAX];
};

struct synic {
	struct vm *vm;
	uint64_t message_page; /* its address, or 0 */
	uint64_t event_page;   /* its address, or 0 */
	int interrupt;         /* eventfd: raise the SINT */
	struct source eom;     /* eventfd: the guest is ready for the next message */
	unsigned int queued;
	STAILQ_HEAD(synic_messages, synic_message) queue;
};

int synic_init(struct synic *synic, struct vm *vm, unsigned int gsi);
void synic_done(struct synic *synic);
/* The guest wrote one of the MSRs: the values of all of them. */
void synic_set_pages(struct synic *synic, uint64_t control, uint64_t message_page,
		     uint64_t event_page);
void synic_post(struct synic *synic, const void *payload, size_t length);
void synic_set_flag(struct synic *synic, uint32_t flag);

#endif /* HVHOST_SYNIC_H */
