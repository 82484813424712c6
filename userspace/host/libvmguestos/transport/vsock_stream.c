// SPDX-License-Identifier: GPL-2.0-or-later
#include "vsock_stream.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "userspace/host/libvmguestos/connection.h"
#include "userspace/shared/util.h"

#define NOT_LISTENING                                                                              \
	"Nothing in the guest listens for requests by Hyper-V sockets; check that hv-logoff 1.2 "  \
	"or later is installed in it, and that hv-logoffd.socket is active."

/* The interval of attempts to connect to a UNIX socket. */
#define FULL_MS 20

struct vsock_stream {
	int fd;
};

/* An error of a socket, and what to do. */
struct reason {
	int error; /* errno */
	HRESULT hr;
	const char *text;
};

/* Connecting to hvhost. */
static const struct reason host_reasons[] = {
	{ENOENT, VM_E_ADDITIONS_FEATURE_NOT_AVAIL,
	 "The host of this machine offers no Hyper-V sockets; start it with a newer hvhost."},
	{ECONNREFUSED, VM_E_VM_NOT_RUNNING, "The machine is not running."},
	{EACCES, E_ACCESSDENIED,
	 "The host's directory of this machine does not permit Hyper-V sockets to this user."},
	{EPIPE, VM_E_ADDITIONS_FEATURE_NOT_AVAIL, NOT_LISTENING},
	/* Under Hyper-V, a guest in which nobody listens does not refuse a connection. */
	{ETIMEDOUT, VM_E_ADDITIONS_FEATURE_NOT_AVAIL, NOT_LISTENING},
};

/* Connecting by AF_VSOCK. */
static const struct reason guest_reasons[] = {
	{EACCES, E_ACCESSDENIED,
	 "The guest accepts requests only from a port below 1024, which needs "
	 "CAP_NET_BIND_SERVICE; run this as root."},
	{EADDRINUSE, DISP_E_EXCEPTION,
	 "All ports of AF_VSOCK below 1024 are in use; end the programs that use them."},
	{EAFNOSUPPORT, E_NOTIMPL,
	 "The kernel of this computer has no AF_VSOCK; load the module vhost_vsock."},
	{ENODEV, VM_E_VM_UNKNOWN,
	 "There is no guest with this CID; check the CID, and that the guest is running and has "
	 "a virtio-vsock device."},
	{ECONNREFUSED, VM_E_ADDITIONS_FEATURE_NOT_AVAIL, NOT_LISTENING},
	{ECONNRESET, VM_E_ADDITIONS_FEATURE_NOT_AVAIL, NOT_LISTENING},
	{ETIMEDOUT, VM_E_TIMED_OUT,
	 "The guest does not answer by AF_VSOCK; check that it is running."},
};

static HRESULT explain(const struct reason *reasons, size_t count, int error, char *text)
{
	for (size_t i = 0; i < count; i++) {
		if (reasons[i].error == -error) {
			snprintf(text, VSOCK_TEXT_SIZE, "%s", reasons[i].text);
			return reasons[i].hr;
		}
	}
	snprintf(text, VSOCK_TEXT_SIZE, "The guest cannot be reached by a socket: %s.",
		 strerror(-error));
	return vmg_hresult_of(error);
}

/* Returns 0, -ECANCELED once @stop is set, or -ETIMEDOUT. */
static int wait_for(int fd, short events, vmg_event stop, int64_t deadline)
{
	struct pollfd ready[] = {{.fd = fd, .events = events}, {.fd = stop, .events = POLLIN}};
	int ret;

	do {
		ret = poll(ready, ARRAY_SIZE(ready), vmg_poll_time(deadline));
	} while (ret < 0 && errno == EINTR);
	if (ret < 0)
		return -errno;
	if (ready[1].revents)
		return -ECANCELED;
	return ret ? 0 : -ETIMEDOUT;
}

static int connect_to(int fd, const void *address, socklen_t size, vmg_event stop, int64_t deadline)
{
	socklen_t length = sizeof(int);
	int error = 0, ret;

	ret = connect(fd, address, size) < 0 ? -errno : 0;
	/* The backlog of a UNIX socket is full, for which poll() does not wait. */
	while (ret == -EAGAIN && vmg_now_ms() < deadline &&
	       !vmg_event_wait(stop, vmg_now_ms() + FULL_MS))
		ret = connect(fd, address, size) < 0 ? -errno : 0;
	if (ret != -EINPROGRESS)
		return ret;
	ret = wait_for(fd, POLLOUT, stop, deadline);
	if (ret == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0)
		ret = -error;
	return ret;
}

/* hvhost's answer is a line. What follows it is the stream. */
static int read_answer(int fd, vmg_event stop, int64_t deadline)
{
	char line[32];
	size_t length = 0;

	while (length < sizeof(line)) {
		ssize_t got = recv(fd, line + length, 1, 0);

		if (got == 0 || (got < 0 && errno == ECONNRESET))
			return -EPIPE;
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (got == 1 && line[length++] == '\n')
			return strncmp(line, "OK ", 3) == 0 ? 0 : -EPROTO;
		if (got < 0) {
			int ret = wait_for(fd, POLLIN, stop, deadline);

			if (ret < 0)
				return ret;
		}
	}
	return -EPROTO;
}

/* Whether the machine has its other socket. */
static bool is_running(const char *directory)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/control.sock", directory) < 0)
		path = NULL;
	return path && access(path, F_OK) == 0;
}

static int connect_host(int fd, const struct vsock_address *address, vmg_event stop,
			int64_t deadline)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int size = sizeof(to.sun_path), length, ret;
	char line[32];

	/* No host can listen on a longer path. */
	if (snprintf(to.sun_path, (size_t)size, "%s/vsock.sock", address->directory) >= size)
		return -ENOENT;
	ret = connect_to(fd, &to, sizeof(to), stop, deadline);
	if (ret == -ENOENT && !is_running(address->directory))
		return -ECONNREFUSED;
	if (ret < 0)
		return ret;
	length = snprintf(line, sizeof(line), "CONNECT %u\n", address->port);
	/* The buffer of a new socket has room for it. */
	if (send(fd, line, (size_t)length, MSG_NOSIGNAL) != length)
		return -EPIPE;
	return read_answer(fd, stop, deadline);
}

static int bind_below_1024(int fd)
{
	struct sockaddr_vm from = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY};

	for (from.svm_port = 1023; from.svm_port > 0; from.svm_port--) {
		if (bind(fd, (const struct sockaddr *)&from, sizeof(from)) == 0)
			return 0;
		if (errno != EADDRINUSE)
			break;
	}
	return -errno;
}

static int connect_guest(int fd, const struct vsock_address *address, vmg_event stop,
			 int64_t deadline)
{
	const struct sockaddr_vm to = {
		.svm_family = AF_VSOCK, .svm_cid = address->cid, .svm_port = address->port};
	int left = vmg_poll_time(deadline);
	const struct timeval timeout = {.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000L};
	int ret = bind_below_1024(fd);

	if (ret < 0)
		return ret;
	/* Otherwise the kernel gives up after two seconds. */
	setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &timeout, sizeof(timeout));
	return connect_to(fd, &to, sizeof(to), stop, deadline);
}

HRESULT vsock_stream_open(const struct vsock_address *address, vmg_event stop, int64_t deadline,
			  struct vsock_stream **out, char text[VSOCK_TEXT_SIZE])
{
	int family = address->directory ? AF_UNIX : AF_VSOCK, ret;
	struct vsock_stream *stream = malloc(sizeof(*stream));

	if (!stream)
		return E_OUTOFMEMORY;
	stream->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (stream->fd < 0)
		ret = -errno;
	else if (family == AF_UNIX)
		ret = connect_host(stream->fd, address, stop, deadline);
	else
		ret = connect_guest(stream->fd, address, stop, deadline);
	if (ret == 0) {
		*out = stream;
		return S_OK;
	}
	vsock_stream_close(stream);
	return family == AF_UNIX ? explain(host_reasons, ARRAY_SIZE(host_reasons), ret, text)
				 : explain(guest_reasons, ARRAY_SIZE(guest_reasons), ret, text);
}

void vsock_stream_close(struct vsock_stream *stream)
{
	if (!stream)
		return;
	closep(&stream->fd);
	free(stream);
}

static long result_of(ssize_t count)
{
	if (count > 0)
		return count;
	return count < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

long vsock_stream_read(struct vsock_stream *stream, void *bytes, size_t size)
{
	return result_of(recv(stream->fd, bytes, size, 0));
}

long vsock_stream_write(struct vsock_stream *stream, const void *bytes, size_t size)
{
	return result_of(send(stream->fd, bytes, size, MSG_NOSIGNAL));
}

void vsock_stream_wait(struct vsock_stream *stream, bool writes, vmg_event wake, int64_t deadline)
{
	wait_for(stream->fd, writes ? POLLIN | POLLOUT : POLLIN, wake, deadline);
}
