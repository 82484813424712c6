// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * daemon: stands in for hv-logoffd on the system bus. Each line of standard input is a notice for
 * all subscribers: STATE SECONDS MESSAGE. Prints "subscribed" for each subscriber.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "userspace/guest/bus.h"
#include "userspace/shared/util.h"

static char subscribers[8][64];
static size_t count;

static int on_subscribe(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	(void)userdata;
	(void)error;
	if (count == ARRAY_SIZE(subscribers))
		return -ENOBUFS;
	snprintf(subscribers[count++], sizeof(subscribers[0]), "%s",
		 sd_bus_message_get_sender(call));
	puts("subscribed");
	return sd_bus_reply_method_return(call, "stst", "", UINT64_C(0), "", UINT64_C(0));
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Subscribe", "", "stst", on_subscribe, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static int send_notice(sd_bus *bus, const char *to, const char *state, unsigned int seconds,
		       const char *message)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *signal = NULL;
	uint64_t deadline = ((uint64_t)time(NULL) + seconds) * USEC_PER_SEC;
	int r;

	r = sd_bus_message_new_signal(bus, &signal, BUS_PATH, BUS_INTERFACE, "Notice");
	if (r >= 0)
		r = sd_bus_message_append(signal, "stst", state, deadline, message, UINT64_C(1));
	if (r >= 0)
		r = sd_bus_message_set_destination(signal, to);
	return r < 0 ? r : sd_bus_send(bus, signal, NULL);
}

static int on_input(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	char line[1024] = "", state[16], message[1024];
	unsigned int seconds;
	int r = 0;

	(void)events;
	if (read(fd, line, sizeof(line) - 1) <= 0)
		return sd_event_exit(sd_event_source_get_event(source), 0);
	if (sscanf(line, "%15s %u %1023[^\n]", state, &seconds, message) != 3)
		return -EINVAL;
	for (size_t i = 0; i < count && r >= 0; i++)
		r = send_notice(userdata, subscribers[i], state, seconds, message);
	return r;
}

int main(void)
{
	sd_event *event = NULL;
	sd_bus *bus = NULL;
	int r;

	setvbuf(stdout, NULL, _IOLBF, 0);
	r = sd_event_default(&event);
	if (r >= 0)
		r = sd_bus_open_system(&bus);
	if (r >= 0)
		r = sd_bus_add_object_vtable(bus, NULL, BUS_PATH, BUS_INTERFACE, vtable, NULL);
	if (r >= 0)
		r = sd_bus_request_name(bus, BUS_NAME, 0);
	if (r >= 0)
		r = sd_bus_attach_event(bus, event, 0);
	if (r >= 0)
		r = sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN, on_input, bus);
	if (r >= 0)
		r = sd_event_loop(event);
	if (r < 0)
		fprintf(stderr, "daemon: %s\n", strerror(-r));
	sd_bus_flush_close_unref(bus);
	sd_event_unref(event);
	return r < 0;
}
