/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host side of a vCPU's synthetic interrupt controller (SynIC): messages
 * and event flags for the SINT of the VMBus. KVM emulates the MSRs and injects
 * the interrupts.
 */
#ifndef HVHOST_SYNIC_H
#define HVHOST_SYNIC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "tests/hvhost/loop.h"

#define VMBUS_SINT      2
#define SYNIC_QUEUE_MAX 1024

/* As in the kernel's hyperv-tlfs.h */
#define HV_MESSAGE_PAYLOAD_BYTE_COUNT 240
#define HV_EVENT_FLAGS_COUNT          2048

struct vm;

struct synic_message {
	STAILQ_ENTRY(synic_message) entry;
	size_t length;
	uint8_t payload[HV_MESSAGE_PAYLOAD_BYTE_COUNT];
};

struct synic {
	struct vm *vm;
	uint64_t message_page; /* guest physical address, or 0 */
	uint64_t event_page;   /* guest physical address, or 0 */
	int interrupt;         /* irqfd: raises the SINT */
	struct source eom;     /* resamplefd: the guest has written the EOM MSR */
	unsigned int queued;
	STAILQ_HEAD(synic_messages, synic_message) queue;
};

int synic_init(struct synic *synic, struct vm *vm, unsigned int gsi);
void synic_done(struct synic *synic);
/* Takes the values of SCONTROL, SIMP and SIEFP whenever the guest has written one of them. */
void synic_set_pages(struct synic *synic, uint64_t control, uint64_t message_page,
		     uint64_t event_page);
void synic_post_message(struct synic *synic, const void *payload, size_t length);
void synic_set_event_flag(struct synic *synic, uint32_t flag);

#endif /* HVHOST_SYNIC_H */
