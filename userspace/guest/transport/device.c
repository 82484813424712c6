// SPDX-License-Identifier: GPL-2.0-or-later
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>

#include "userspace/shared/util.h"

union record {
	struct hv_logoff_header header;
	struct hv_logoff_hello hello;
	struct hv_logoff_request request;
	struct hv_logoff_target target;
	struct hv_logoff_cancel cancel;
	/* Unknown records of a later minor version are skipped. */
	char bytes[4096];
};

int device_open(const char *file)
{
	int fd = open(file, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int write_record(const struct device *device, const void *record, size_t size)
{
	ssize_t written = write(device->fd, record, size);

	if (written < 0)
		return -errno;
	return (size_t)written == size ? 0 : -EIO;
}

static int handle_hello(struct device *device, const union record *record)
{
	if (record->header.type != HV_LOGOFF_HELLO || record->header.size != sizeof(record->hello))
		return -EPROTO;
	if (record->hello.version < HV_LOGOFF_VERSION_1_0 ||
	    record->hello.version > HV_LOGOFF_VERSION_1_1)
		return -EPROTONOSUPPORT;
	device->version = record->hello.version;
	device->handler->hello(device->userdata, device->version);
	return 0;
}

static int handle_request(const struct device *device, const struct hv_logoff_request *request)
{
	const struct hv_logoff_target all_users = {.request = *request};

	device->handler->request(device->userdata, &all_users);
	return 0;
}

static int handle_record(struct device *device, const union record *record, size_t size)
{
	if (size < sizeof(record->header) || record->header.size != size)
		return -EPROTO;
	if (!device->version)
		return handle_hello(device, record);
	switch (record->header.type) {
	case HV_LOGOFF_REQUEST:
		if (size != sizeof(record->request))
			return -EPROTO;
		return handle_request(device, &record->request);
	case HV_LOGOFF_TARGET:
		if (size != sizeof(record->target))
			return -EPROTO;
		device->handler->request(device->userdata, &record->target);
		return 0;
	case HV_LOGOFF_CANCEL:
		if (size != sizeof(record->cancel))
			return -EPROTO;
		device->handler->cancel(device->userdata, &record->cancel);
		return 0;
	default:
		return 0;
	}
}

/* Reads only one record, so that other event sources are dispatched in between. */
static int read_record(struct device *device)
{
	union record record;
	ssize_t size = read(device->fd, &record, sizeof(record));

	if (size == 0)
		return -ENODEV;
	if (size < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return handle_record(device, &record, size);
}

static int on_device(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct device *device = userdata;
	int r = 0;

	(void)source;
	(void)fd;
	if (events & EPOLLIN)
		r = read_record(device);
	else if (events & (EPOLLHUP | EPOLLERR))
		r = -ENODEV;
	if (r < 0) {
		sd_event_source_set_enabled(device->source, SD_EVENT_OFF);
		device->handler->gone(device->userdata, r);
	}
	return 0;
}

int device_start(struct device *device, int fd, sd_event *event,
		 const struct device_handler *handler, void *userdata)
{
	static const struct hv_logoff_hello hello = {
		.header = {.type = HV_LOGOFF_HELLO, .size = sizeof(hello)},
		.version = HV_LOGOFF_VERSION_1_1,
		.minimum = HV_LOGOFF_VERSION_1_0,
	};
	int r;

	*device = (struct device){.fd = fd, .handler = handler, .userdata = userdata};
	r = write_record(device, &hello, sizeof(hello));
	if (r >= 0)
		r = sd_event_add_io(event, &device->source, fd, EPOLLIN, on_device, device);
	if (r < 0)
		device_done(device);
	return r < 0 ? r : 0;
}

void device_done(struct device *device)
{
	sd_event_source_disable_unref(device->source);
	closep(&device->fd);
	*device = (struct device){.fd = -1};
}

int device_report(const struct device *device, const struct hv_logoff_report *report)
{
	return write_record(device, report, sizeof(*report));
}

int device_session(const struct device *device, const struct hv_logoff_session *session)
{
	if (device->version < HV_LOGOFF_VERSION_1_1 ||
	    (device->version == HV_LOGOFF_VERSION_1_1 && session->outcome > HV_LOGOFF_SELECTED))
		return -EOPNOTSUPP;
	return write_record(device, session, sizeof(*session));
}
