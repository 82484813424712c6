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
#define MESSAGE_TYPE_NONE    0 /* the slot is free */
#define MESSAGE_TYPE_CHANNEL 1
#define MESSAGE_PENDING      1 /* more messages are queued: the guest must write the EOM MSR */

struct message_slot {
	_Atomic uint32_t type;
	uint8_t length;
	_Atomic uint8_t flags;
	uint8_t reserved[2];
	uint64_t sender;
	uint8_t payload[HV_MESSAGE_PAYLOAD_BYTE_COUNT];
};

_Static_assert(sizeof(struct message_slot) == 256, "a message page has a slot for each SINT");

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

/* If the slot is not free, the guest writes the EOM MSR when it has freed it. */
static bool slot_is_free(struct message_slot *slot)
{
	if (atomic_load(&slot->type) == MESSAGE_TYPE_NONE)
		return true;
	atomic_fetch_or(&slot->flags, MESSAGE_PENDING);
	/* The guest may have freed the slot before it could see the flag. */
	return atomic_load(&slot->type) == MESSAGE_TYPE_NONE;
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

void synic_post_message(struct synic *synic, const void *payload, size_t length)
{
	struct synic_message *message;

	if (synic->queued == SYNIC_QUEUE_MAX) {
		log_line("SynIC: the guest does not read its messages: one was dropped.");
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

void synic_set_event_flag(struct synic *synic, uint32_t flag)
{
	size_t offset = VMBUS_SINT * (HV_EVENT_FLAGS_COUNT / 8) + flag / 32 * 4;
	_Atomic uint32_t *flags;

	if (!synic->event_page || flag >= HV_EVENT_FLAGS_COUNT)
		return;
	flags = guest_memory(synic->vm, synic->event_page + offset, sizeof(*flags));
	if (flags && !(atomic_fetch_or(flags, 1U << flag % 32) & 1U << flag % 32))
		raise_interrupt(synic);
}

/* Returns the page's address, or 0 if the page or the SynIC is disabled. */
static uint64_t enable_page(struct synic *synic, uint64_t old, uint64_t control, uint64_t msr)
{
	uint64_t address = msr & ~(uint64_t)(PAGE - 1);
	void *page = guest_memory(synic->vm, address, PAGE);

	if (!(control & MSR_ENABLED) || !(msr & MSR_ENABLED) || !page)
		return 0;
	/* On Hyper-V it is an overlay page, initially zero; here it is ordinary guest memory. */
	if (address != old)
		memset(page, 0, PAGE);
	return address;
}

void synic_set_pages(struct synic *synic, uint64_t control, uint64_t message_page,
		     uint64_t event_page)
{
	synic->message_page = enable_page(synic, synic->message_page, control, message_page);
	synic->event_page = enable_page(synic, synic->event_page, control, event_page);
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
