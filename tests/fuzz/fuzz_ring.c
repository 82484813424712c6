// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The test host's reader and writer on rings that a guest has corrupted. An input starts with
 * struct scribble; the rest fills the data pages.
 */
#include <errno.h>

#include "fuzz.h"
#include "tests/hvhost/vmbus/ring.h"
#include "tests/unit/ring_layout.h"

#define STEPS 8

/* Bytes of the largest payload that the host accepts. */
#define PAYLOAD_MAX 2048

struct scribble {
	uint32_t features;
	uint32_t pending_send_size;
	uint32_t start;         /* the host's index, in units of 8 bytes */
	uint32_t index[STEPS];  /* the guest's index, before each step */
	uint16_t length[STEPS]; /* of what the host writes in each step */
};

/* Each page is an allocation of its own, so that ASan detects accesses beyond it. */
static uint8_t *pages[PAGES];

void *guest_memory(struct vm *vm, uint64_t address, size_t length);
void *guest_memory(struct vm *vm, uint64_t address, size_t length)
{
	must(address % PAGE == 0 && length == PAGE);
	return address / PAGE < PAGES ? pages[address / PAGE] : NULL;
}

static struct control *set_up(struct ring *ring, const struct scribble *scribble,
			      const uint8_t *data, size_t size)
{
	static const uint64_t frames[PAGES] = {0, 1, 2};
	struct control *control;

	for (int i = 0; i < PAGES; i++) {
		if (!pages[i])
			pages[i] = aligned_alloc(PAGE, PAGE);
		must(pages[i]);
		memset(pages[i], 0, PAGE);
	}
	must(ring_open(ring, NULL, frames, PAGES) == 0);
	control = (struct control *)pages[0];
	control->features = scribble->features;
	control->pending_send_size = scribble->pending_send_size;
	ring->index = scribble->start % (DATA / 8) * 8;
	control->read_index = ring->index;
	control->write_index = ring->index;
	for (size_t i = 0; i < size && i < DATA; i++) {
		size_t at = (ring->index + i) % DATA;

		pages[1 + at / PAGE][at % PAGE] = data[i];
	}
	return control;
}

static uint32_t from_to(uint32_t start, uint32_t end)
{
	return (end + DATA - start) % DATA;
}

static void must_be_index(uint32_t index)
{
	must(index < DATA && index % 8 == 0);
}

static void read_all(const struct scribble *scribble, const uint8_t *data, size_t size)
{
	struct ring ring;
	struct control *control = set_up(&ring, scribble, data, size);
	int r = 1;

	for (int i = 0; i < STEPS && r >= 0; i++) {
		uint8_t *packet = malloc(PAYLOAD_MAX);
		uint32_t before = ring.index;
		bool signal = false;
		size_t length = 0;

		must(packet);
		control->write_index = scribble->index[i];
		r = ring_read(&ring, packet, PAYLOAD_MAX, &length, &signal);
		must(r == 1 || r == 0 || r == -EBADMSG);
		must_be_index(ring.index);
		if (r == 1) {
			must_be_index(scribble->index[i]);
			must(length <= PAYLOAD_MAX && length % 8 == 0);
			/* The packet was in the range that the guest has written. */
			must(from_to(before, ring.index) >= length + OVERHEAD);
			must(from_to(before, ring.index) <= from_to(before, scribble->index[i]));
			must(control->read_index == ring.index);
		} else {
			must(ring.index == before && !signal);
		}
		/* The host never writes the guest's index. */
		must(control->write_index == scribble->index[i]);
		free(packet);
	}
	ring_close(&ring);
}

static void write_all(const struct scribble *scribble, const uint8_t *data, size_t size)
{
	struct ring ring;
	struct control *control = set_up(&ring, scribble, data, size);

	for (int i = 0; i < STEPS; i++) {
		size_t length = scribble->length[i] % PAYLOAD_MAX;
		uint32_t before = ring.index;
		uint8_t *packet = calloc(1, length);
		bool signal;
		int r;

		must(packet);
		control->read_index = scribble->index[i];
		r = ring_write(&ring, packet, length, &signal);
		must(r == 0 || r == -EAGAIN);
		must_be_index(ring.index);
		must((r == 0) == (ring.index != before));
		must(control->write_index == ring.index);
		must(control->read_index == scribble->index[i]);
		free(packet);
	}
	ring_close(&ring);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scribble scribble;

	if (size < sizeof(scribble))
		return 0;
	memcpy(&scribble, data, sizeof(scribble));
	data += sizeof(scribble);
	size -= sizeof(scribble);
	read_all(&scribble, data, size);
	write_all(&scribble, data, size);
	return 0;
}
