// SPDX-License-Identifier: GPL-2.0-or-later
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>

#include "driver/growth.h"
#include "userspace/shared/util.h"

/* The flags of a TARGET that the engine supports. */
#define CAPABILITIES (HV_LOGOFF_CAN_INCLUDE_LINGERING | HV_LOGOFF_CAN_NO_LOGINS)

union record {
	struct hv_logoff_header header;
	struct hv_logoff_hello hello;
	struct hv_logoff_request request;
	struct hv_logoff_target target;
	struct hv_logoff_cancel cancel;
	char bytes[HV_LOGOFF_RECORD_MAX];
};

/* Of the records that are read. Those of unknown types are skipped. */
static const struct hvl_size sizes[] = {
	[HV_LOGOFF_HELLO] = {HV_LOGOFF_HELLO_SIZE_1_0, sizeof(struct hv_logoff_hello)},
	[HV_LOGOFF_REQUEST] = {sizeof(struct hv_logoff_request), sizeof(struct hv_logoff_request)},
	[HV_LOGOFF_CANCEL] = {sizeof(struct hv_logoff_cancel), sizeof(struct hv_logoff_cancel)},
	[HV_LOGOFF_TARGET] = {sizeof(struct hv_logoff_target), sizeof(struct hv_logoff_target)},
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

static int handle_hello(struct device *device, const struct hv_logoff_hello *hello)
{
	if (hello->version < HV_LOGOFF_VERSION_1_0 || hello->version > HV_LOGOFF_VERSION)
		return -EPROTONOSUPPORT;
	device->version = hello->version;
	device->handler->hello(device->userdata, device->version);
	return 0;
}

static void handle_request(const struct device *device, const struct hv_logoff_request *request)
{
	const struct hv_logoff_target all_users = {.request = *request};

	device->handler->request(device->userdata, &all_users);
}

/* The first record is a HELLO, whose size depends on the one that was written. */
static bool is_valid(const struct device *device, const union record *record, size_t size)
{
	bool first = !device->version;
	uint32_t type = record->header.type;

	if (size < sizeof(record->header) || record->header.size != size ||
	    first != (type == HV_LOGOFF_HELLO))
		return false;
	if (type >= ARRAY_SIZE(sizes) || !sizes[type].first)
		return true;
	return hvl_size_accepts(&sizes[type], record, size,
				first || device->version >= HV_LOGOFF_VERSION_1_2);
}

static int handle_record(struct device *device, const union record *record, size_t size)
{
	if (!is_valid(device, record, size))
		return -EPROTO;
	switch (record->header.type) {
	case HV_LOGOFF_HELLO:
		return handle_hello(device, &record->hello);
	case HV_LOGOFF_REQUEST:
		handle_request(device, &record->request);
		break;
	case HV_LOGOFF_TARGET:
		device->handler->request(device->userdata, &record->target);
		break;
	case HV_LOGOFF_CANCEL:
		device->handler->cancel(device->userdata, &record->cancel);
		break;
	}
	return 0;
}

/* Reads only one record, so that other event sources are dispatched in between. */
static int read_record(struct device *device)
{
	union record record;
	ssize_t size;

	/* What a short record does not have is zero. */
	memset(&record, 0, sizeof(record));
	size = read(device->fd, &record, sizeof(record));
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

static int write_hello(const struct device *device)
{
	struct hv_logoff_hello hello = {
		.header = {.type = HV_LOGOFF_HELLO, .size = sizeof(hello)},
		.version = HV_LOGOFF_VERSION,
		.minimum = HV_LOGOFF_VERSION_1_0,
		.capabilities = CAPABILITIES,
	};
	int r = write_record(device, &hello, sizeof(hello));

	/* A driver of 1.1 or 1.0 accepts only the size of those versions. */
	if (r != -EINVAL)
		return r;
	hello.header.size = HV_LOGOFF_HELLO_SIZE_1_0;
	return write_record(device, &hello, hello.header.size);
}

int device_start(struct device *device, int fd, sd_event *event,
		 const struct device_handler *handler, void *userdata)
{
	int r;

	*device = (struct device){.fd = fd, .handler = handler, .userdata = userdata};
	r = write_hello(device);
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
	struct hv_logoff_report record = *report;

	record.header.type = HV_LOGOFF_REPORT;
	record.header.size = device->version < HV_LOGOFF_VERSION_1_2 ? HV_LOGOFF_REPORT_SIZE_1_0
								     : sizeof(record);
	return write_record(device, &record, record.header.size);
}

int device_session(const struct device *device, const struct hv_logoff_session *session)
{
	if (device->version < HV_LOGOFF_VERSION_1_1 ||
	    (session->outcome > HV_LOGOFF_SELECTED && device->version < HV_LOGOFF_VERSION_1_2))
		return -EOPNOTSUPP;
	return write_record(device, session, sizeof(*session));
}
