// SPDX-License-Identifier: GPL-2.0-or-later
#include "synic.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "tests/hvhost/util.h"
#include "vm.h"

#define MSR_ENABLED          1ULL
#define MESSAGE_TYPE_CHANNEL 1
#define MESSAGE_PENDING      1 /* more wait: write the end of message register */

struct message_slot {
	_Atomic uint32_t type; /* 0: free */
	uint8_t length;
	_Atomic uint8_t flags;
	uint8_t reserved[2];
	uint64_t sender;
	uint8_t payload[SYNIC_PAYLOAD_MAX];
};

_Static_assert(sizeof(struct message_slot) == 256, "one slot for each of 16 SINTs in a page");

static void raise_interrupt(struct synic *synic)
{
	eventfd_write(synic->interrupt, 1);
}

static struct message_slot *message_slot(struct synic *synic)
{
	if (!synic->message_page)
		return NULL;
	return guest_memory(synic->vm,
			    synic->message_page + VMBUS_SINT * sizeof(struct message_slot),
			    sizeof(struct message_slot));
}

/* Whether the slot is free now; if not, its end of message will be told. */
static bool slot_is_free(struct message_slot *slot)
{
	if (atomic_load(&slot->type) == 0)
		return true;
	atomic_fetch_or(&slot->flags, MESSAGE_PENDING);
	/* The guest may have freed it before it could see the flag. */
	return atomic_load(&slot->type) == 0;
}

static void deliver(struct synic *synic)
{
	struct message_slot *slot = message_slot(synic);
	struct synic_message *message;

	while (slot && (message = STAILQ_FIRST(&synic->queue)) && slot_is_free(slot)) {
		slot->length = (uint8_t)message->length;
		atomic_store(&slot->flags, 0);
		slot->sender = 0;
		memcpy(slot->payload, message->payload, message->length);
		atomic_store(&slot->type, MESSAGE_TYPE_CHANNEL);
		raise_interrupt(synic);

		STAILQ_REMOVE_HEAD(&synic->queue, entry);
		synic->queued--;
		free(message);
	}
}

static void end_of_message(struct source *source, uint32_t events)
{
	eventfd_t count;

	(void)events;
	eventfd_read(source->fd, &count);
	deliver(container_of(source, struct synic, eom));
}

void synic_post(struct synic *synic, const void *payload, size_t length)
{
	struct synic_message *message;

	if (synic->queued == SYNIC_QUEUE_MAX) {
		say("The guest doesn't take its messages: one is lost.");
		return;
	}
	message = malloc(sizeof(*message));
	if (!message)
		return;
	message->length = length;
	memcpy(message->payload, payload, length);
	STAILQ_INSERT_TAIL(&synic->queue, message, entry);
	synic->queued++;
	deliver(synic);
}

void synic_set_flag(struct synic *synic, uint32_t flag)
{
	size_t offset = VMBUS_SINT * (SYNIC_FLAGS / 8) + flag / 32 * 4;
	_Atomic uint32_t *word;

	if (!synic->event_page || flag >= SYNIC_FLAGS)
		return;
	word = guest_memory(synic->vm, synic->event_page + offset, sizeof(*word));
	if (word && !(atomic_fetch_or(word, 1U << flag % 32) & 1U << flag % 32))
		raise_interrupt(synic);
}

static uint64_t take_page(struct synic *synic, uint64_t old, uint64_t control, uint64_t msr)
{
	uint64_t address = msr & ~(uint64_t)(PAGE - 1);
	void *page = guest_memory(synic->vm, address, PAGE);

	if (!(control & MSR_ENABLED) || !(msr & MSR_ENABLED) || !page)
		return 0;
	/* A new page is empty on Hyper-V; here it is the guest's memory, with stale bytes. */
	if (address != old)
		memset(page, 0, PAGE);
	return address;
}

void synic_set_pages(struct synic *synic, uint64_t control, uint64_t message_page,
		     uint64_t event_page)
{
	synic->message_page = take_page(synic, synic->message_page, control, message_page);
	synic->event_page = take_page(synic, synic->event_page, control, event_page);
	deliver(synic);
}

int synic_init(struct synic *synic, struct vm *vm, unsigned int gsi)
{
	struct kvm_irqfd irqfd = {.gsi = gsi, .flags = KVM_IRQFD_FLAG_RESAMPLE};

	synic->vm = vm;
	STAILQ_INIT(&synic->queue);
	synic->interrupt = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	synic->eom.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	synic->eom.ready = end_of_message;
	if (synic->interrupt < 0 || synic->eom.fd < 0)
		return -errno;
	irqfd.fd = (uint32_t)synic->interrupt;
	irqfd.resamplefd = (uint32_t)synic->eom.fd;
	if (ioctl(vm->fd, KVM_IRQFD, &irqfd) < 0)
		return -errno;
	return loop_add(&vm->loop, &synic->eom, EPOLLIN);
}

void synic_done(struct synic *synic)
{
	struct synic_message *message;

	while ((message = STAILQ_FIRST(&synic->queue))) {
		STAILQ_REMOVE_HEAD(&synic->queue, entry);
		free(message);
	}
	loop_remove(&synic->vm->loop, &synic->eom);
	closep(&synic->eom.fd);
	closep(&synic->interrupt);
}
