// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The driver's records, as the daemon reads them, over a socket pair that preserves record
 * boundaries, as the char device does. In an input, each record is preceded by its length in two
 * bytes.
 */
#include <errno.h>
#include <sys/socket.h>

#include "fuzz.h"
#include "userspace/guest/transport/device.h"

static struct received {
	unsigned int hellos;
	unsigned int records;
	unsigned int ends;
	uint32_t version;
	int error;
} received;

/* Since 1.2, records can be longer. */
static void must_have_size(const struct hv_logoff_header *header, size_t first)
{
	must(received.version < HV_LOGOFF_VERSION_1_2 ? header->size == first
						      : header->size >= first);
}

static void on_hello(void *userdata, uint32_t version)
{
	must(!received.hellos && !received.ends);
	must(version >= HV_LOGOFF_VERSION_1_0 && version <= HV_LOGOFF_VERSION_1_2);
	received.version = version;
	received.hellos++;
}

static void on_request(void *userdata, const struct hv_logoff_target *target)
{
	const struct hv_logoff_header *header = &target->request.header;

	must(received.hellos && !received.ends);
	if (header->type == HV_LOGOFF_REQUEST) {
		must_have_size(header, 1056);
		must(!target->user[0] && !target->session[0]);
	} else {
		must(header->type == HV_LOGOFF_TARGET);
		must_have_size(header, 1376);
	}
	received.records++;
}

static void on_cancel(void *userdata, const struct hv_logoff_cancel *cancel)
{
	must(received.hellos && !received.ends);
	must(cancel->header.type == HV_LOGOFF_CANCEL);
	must_have_size(&cancel->header, 24);
	received.records++;
}

static void on_gone(void *userdata, int error)
{
	must(!received.ends && error < 0);
	received.ends++;
	received.error = error;
}

static const struct device_handler handler = {
	.hello = on_hello,
	.request = on_request,
	.cancel = on_cancel,
	.gone = on_gone,
};

/* Runs the event loop until it is idle. */
static void run(sd_event *event)
{
	int r;

	do {
		r = sd_event_run(event, 0);
		must(r >= 0);
	} while (r > 0);
}

static void send_records(int driver, sd_event *event, const uint8_t *data, size_t size)
{
	while (size >= 2 && !received.ends) {
		size_t length = data[0] | data[1] << 8;
		unsigned int before = received.hellos + received.records;

		data += 2;
		size -= 2;
		if (length > size)
			length = size;
		must(send(driver, data, length, MSG_NOSIGNAL) == (ssize_t)length);
		run(event);
		/* A record causes at most one call. */
		must(received.hellos + received.records <= before + 1);
		data += length;
		size -= length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static sd_event *event;
	struct device device;
	int pair[2];

	must(event || sd_event_new(&event) >= 0);
	received = (struct received){0};
	must(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair));
	must(device_start(&device, pair[0], event, &handler, NULL) == 0);
	send_records(pair[1], event, data, size);
	close(pair[1]);
	run(event);
	must(received.ends == 1);
	device_done(&device);
	return 0;
}
