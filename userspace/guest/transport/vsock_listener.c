// SPDX-License-Identifier: GPL-2.0-or-later
#include "vsock_listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <linux/vm_sockets.h>

#include "userspace/guest/log.h"
#include "userspace/guest/system/vsock_g2h.h"
#include "userspace/shared/vsock.h"

/* Between messages about refused connections: any user of the guest can cause them. */
#define REFUSAL_INTERVAL (60 * USEC_PER_SEC)

struct vsock_connection {
	struct vsock_host host; /* first: see connection_of() */
	struct vsock_listener *listener;
	int fd;
	sd_event_source *source;
	sd_event_source *timer;
	struct hvl_packet in; /* zero behind what was received */
	size_t received;
	struct hvl_packet out;
	size_t out_size, sent;
	bool closing; /* once the answer is sent */
};

static struct vsock_connection *connection_of(struct vsock_host *host)
{
	return (struct vsock_connection *)host;
}

static void connection_free(struct vsock_connection *connection)
{
	struct vsock_listener *listener = connection->listener;

	vsock_requests_remove(&connection->host);
	listener->connections--;
	sd_event_source_disable_unref(connection->source);
	sd_event_source_disable_unref(connection->timer);
	closep(&connection->fd);
	free(connection);
}

/* While an answer waits for the host to read, no message is read that would need another one. */
static int await_events(struct vsock_connection *connection)
{
	uint32_t events = connection->closing || connection->host.answer_pending ? 0 : EPOLLIN;

	if (connection->sent < connection->out_size)
		events |= EPOLLOUT;
	return sd_event_source_set_io_events(connection->source, events);
}

/* Messages may be queued while a list of hosts is walked, so nothing is sent here. */
static void on_kick(struct vsock_host *host)
{
	sd_event_source_set_io_events(connection_of(host)->source, EPOLLIN | EPOLLOUT);
}

static int start_timer(struct vsock_connection *connection)
{
	int r = sd_event_source_set_time_relative(connection->timer,
						  connection->listener->patience);

	return r < 0 ? r : sd_event_source_set_enabled(connection->timer, SD_EVENT_ONESHOT);
}

/* Returns 0 or -errno, also if the next message has to wait for this answer. */
static int transmit(struct vsock_connection *connection)
{
	struct vsock_requests *requests = &connection->listener->requests;

	for (;;) {
		ssize_t sent;

		if (connection->sent == connection->out_size) {
			if (!vsock_requests_transmit(requests, &connection->host, &connection->out))
				break;
			connection->out_size = hvl_packet_size(&connection->out);
			connection->sent = 0;
		}
		sent = send(connection->fd, (const char *)&connection->out + connection->sent,
			    connection->out_size - connection->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		connection->sent += (size_t)sent;
	}
	return connection->closing ? -ECONNABORTED : 0;
}

static int handle_message(struct vsock_connection *connection)
{
	int r = 0;

	connection->closing = !vsock_requests_receive(&connection->listener->requests,
						      &connection->host, &connection->in);
	memset(&connection->in, 0, sizeof(connection->in));
	connection->received = 0;
	if (connection->host.version.major)
		r = sd_event_source_set_enabled(connection->timer, SD_EVENT_OFF);
	return r;
}

/* The bytes of the message that is being received, as far as that is known. */
static size_t expected_size(const struct vsock_connection *connection)
{
	return connection->received < sizeof(connection->in.header)
		       ? sizeof(connection->in.header)
		       : hvl_packet_size(&connection->in);
}

/*
 * Reads a part of a message, so that other event sources are dispatched in between. Returns 0 or
 * -errno: -EBADMSG if it is not known where the next message begins.
 */
static int receive(struct vsock_connection *connection)
{
	bool first = !connection->received;
	ssize_t size = recv(connection->fd, (char *)&connection->in + connection->received,
			    expected_size(connection) - connection->received, MSG_DONTWAIT);

	if (size == 0)
		return -ECONNRESET;
	if (size < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	connection->received += (size_t)size;
	if (connection->received >= sizeof(connection->in.header)) {
		if (!hvl_packet_check(&connection->in, sizeof(connection->in)))
			return -EBADMSG;
		if (connection->received == expected_size(connection))
			return handle_message(connection);
	}
	/* The time for the negotiation includes that for its message. */
	return first && connection->host.version.major ? start_timer(connection) : 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct vsock_connection *connection = userdata;
	int r = 0;

	(void)source;
	(void)fd;
	if ((events & EPOLLIN) && !connection->closing && !connection->host.answer_pending)
		r = receive(connection);
	else if (events & (EPOLLHUP | EPOLLERR))
		r = -ECONNRESET;
	if (r >= 0)
		r = transmit(connection);
	if (r >= 0)
		r = await_events(connection);
	if (r == -EBADMSG)
		log_message(LOG_INFO, "Closed a connection of the host: it sent a message whose "
				      "size is not possible.");
	if (r < 0)
		connection_free(connection);
	return 0;
}

static int on_time(sd_event_source *source, uint64_t time, void *userdata)
{
	struct vsock_connection *connection = userdata;

	(void)source;
	(void)time;
	log_message(LOG_INFO,
		    connection->host.version.major
			    ? "Closed a connection of the host: the rest of a message is missing."
			    : "Closed a connection of the host: it did not negotiate in time.");
	connection_free(connection);
	return 0;
}

int vsock_listener_add(struct vsock_listener *listener, int fd)
{
	struct vsock_connection *connection = calloc(1, sizeof(*connection));
	int r;

	if (!connection) {
		close(fd);
		return -ENOMEM;
	}
	connection->listener = listener;
	connection->fd = fd;
	vsock_requests_add(&listener->requests, &connection->host, on_kick);
	listener->connections++;
	r = sd_event_add_io(listener->event, &connection->source, fd, EPOLLIN, on_connection,
			    connection);
	if (r >= 0)
		r = sd_event_add_time_relative(listener->event, &connection->timer, CLOCK_MONOTONIC,
					       listener->patience, 0, on_time, connection);
	if (r < 0)
		connection_free(connection);
	return r < 0 ? r : 0;
}

__attribute__((format(printf, 2, 3))) static void log_refusal(struct vsock_listener *listener,
							      const char *format, ...)
{
	const uint64_t now = monotonic_usec();
	_cleanup_free_ char *reason = NULL;
	va_list arguments;

	if (listener->refusal_logged && now < listener->refusal_logged + REFUSAL_INTERVAL) {
		listener->refusals++;
		return;
	}
	va_start(arguments, format);
	if (vasprintf(&reason, format, arguments) < 0)
		reason = NULL;
	va_end(arguments);
	log_message(LOG_WARNING, "Refused a connection: %s (%u others since the last such message)",
		    reason ? reason : "out of memory.", listener->refusals);
	listener->refusal_logged = now;
	listener->refusals = 0;
}

/* Returns whether the peer may send requests, or logs why not. */
static bool may_connect(struct vsock_listener *listener, const struct sockaddr_vm *peer)
{
	enum vsock_g2h g2h = vsock_g2h_find("");

	if (!listener->enabled)
		log_refusal(listener, "requests by sockets are disabled (Enabled=no in section "
				      "[Vsock] of hv-logoffd.conf).");
	else if (peer->svm_family != AF_VSOCK ||
		 !vsock_g2h_is_host(g2h, peer->svm_cid, peer->svm_port))
		log_refusal(listener, "its peer, CID %u, port %u, is not the host%s.",
			    peer->svm_cid, peer->svm_port,
			    g2h == VSOCK_G2H_VIRTIO && peer->svm_cid == VMADDR_CID_HOST
				    ? "'s administrator, whose port would be below 1024"
				    : "");
	else if (listener->connections >= VSOCK_CONNECTIONS_MAX)
		log_refusal(listener, "the host has %d connections already.",
			    VSOCK_CONNECTIONS_MAX);
	else
		return true;
	return false;
}

static int on_listener(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct vsock_listener *listener = userdata;
	struct sockaddr_vm peer = {0};
	socklen_t size = sizeof(peer);
	int connection = accept4(fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int r = 0;

	(void)source;
	(void)events;
	if (connection < 0)
		r = errno == EAGAIN || errno == EINTR || errno == ECONNABORTED ? 0 : -errno;
	else if (!may_connect(listener, &peer))
		close(connection);
	else
		r = vsock_listener_add(listener, connection);
	if (r < 0)
		log_refusal(listener, "%s.", strerror(-r));
	return 0;
}

static bool is_listener(int fd)
{
	struct sockaddr_vm address = {0};
	socklen_t size = sizeof(address);

	return sd_is_socket(fd, AF_VSOCK, SOCK_STREAM, 1) > 0 &&
	       getsockname(fd, (struct sockaddr *)&address, &size) == 0 &&
	       address.svm_port == HVL_VSOCK_PORT;
}

int vsock_listener_take(void)
{
	int count = sd_listen_fds(1);
	int found = -ENOENT;

	if (count < 0) {
		log_message(LOG_ERR, "Cannot take the sockets of the service manager: %s.",
			    strerror(-count));
		return count;
	}
	for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; fd++) {
		if (found < 0 && is_listener(fd)) {
			found = fd;
			continue;
		}
		log_message(LOG_WARNING,
			    "Descriptor %d of the service manager is not a socket of AF_VSOCK that "
			    "listens at port %d, and is not used; see hv-logoffd.socket.",
			    fd, HVL_VSOCK_PORT);
		close(fd);
	}
	return found;
}

void vsock_listener_init(struct vsock_listener *listener, struct engine *engine,
			 struct known_requests *known)
{
	*listener = (struct vsock_listener){.fd = -1, .patience = VSOCK_PATIENCE};
	vsock_requests_init(&listener->requests, engine, known);
}

int vsock_listener_start(struct vsock_listener *listener, int fd, sd_event *event, bool enabled)
{
	int flags = fcntl(fd, F_GETFL);
	int r;

	listener->fd = fd;
	listener->event = sd_event_ref(event);
	listener->enabled = enabled;
	/* The service manager passes it in blocking mode. */
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	if (enabled)
		known_requests_load(listener->requests.known);
	r = sd_event_add_io(event, &listener->source, fd, EPOLLIN, on_listener, listener);
	return r < 0 ? r : 0;
}

void vsock_listener_done(struct vsock_listener *listener)
{
	while (!LIST_EMPTY(&listener->requests.hosts))
		connection_free(connection_of(LIST_FIRST(&listener->requests.hosts)));
	sd_event_source_disable_unref(listener->source);
	sd_event_unref(listener->event);
	closep(&listener->fd);
	*listener = (struct vsock_listener){.fd = -1};
}
