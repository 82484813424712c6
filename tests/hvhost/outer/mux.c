// SPDX-License-Identifier: GPL-2.0-or-later
#include "mux.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_MAX   65536u                     /* bytes in one frame */
#define PORT_HIGH   ((size_t)1024 * 1024)      /* pending bytes from which nothing is read */
#define CLIENT_HIGH ((size_t)16 * 1024 * 1024) /* pending bytes above which a client is dropped */
/* Pending bytes of a stream above which the other end stops reading it, and below which it goes on.
 */
#define STREAM_HIGH ((size_t)256 * 1024)
#define STREAM_LOW  ((size_t)64 * 1024)
#define ENTRIES_MAX 256

struct frame {
	uint32_t number;
	uint32_t size;
};

/* What the other end does with a stream, little endian. */
struct flow {
	uint32_t number;
	uint32_t action;
};

enum flow_action {
	FLOW_GO_ON,
	FLOW_STOP,
	FLOW_CLOSED, /* reads and drops what it still gets, writes what is pending, and closes */
};

struct buffer {
	char *bytes;
	size_t size;
	size_t capacity;
};

/* A stream, or a descriptor of mux_watch(). */
struct entry {
	int fd; /* -1: free */
	int (*ready)(struct mux *mux, int fd);
	uint32_t number;
	bool reading;
	bool writing;
	bool ending;   /* the other side has finished sending */
	bool gone;     /* the other side has closed the stream: what is read is dropped */
	bool stopped;  /* by the other side: nothing is read */
	bool stopping; /* has stopped the other side */
	bool deaf;     /* the descriptor cannot be written anymore */
	struct buffer out;
};

struct mux {
	int port;
	mux_unknown *unknown;
	void *userdata;
	bool stopped;
	struct buffer in;
	struct buffer out;
	struct entry entries[ENTRIES_MAX];
};

static int buffer_append(struct buffer *buffer, const void *bytes, size_t size)
{
	if (size > buffer->capacity - buffer->size) {
		size_t capacity = 2 * buffer->capacity + size;
		char *bigger = realloc(buffer->bytes, capacity);

		if (!bigger)
			return -ENOMEM;
		buffer->bytes = bigger;
		buffer->capacity = capacity;
	}
	memcpy(buffer->bytes + buffer->size, bytes, size);
	buffer->size += size;
	return 0;
}

static void buffer_drop(struct buffer *buffer, size_t size)
{
	buffer->size -= size;
	memmove(buffer->bytes, buffer->bytes + size, buffer->size);
}

/* Writes until @fd would block. 0 or -errno. */
static int buffer_write(struct buffer *buffer, int fd)
{
	while (buffer->size > 0) {
		ssize_t n = write(fd, buffer->bytes, buffer->size);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		buffer_drop(buffer, (size_t)n);
	}
	return 0;
}

struct mux *mux_new(int port, mux_unknown *unknown, void *userdata)
{
	struct mux *mux = calloc(1, sizeof(*mux));

	if (!mux)
		return NULL;
	mux->port = port;
	mux->unknown = unknown;
	mux->userdata = userdata;
	for (size_t i = 0; i < ENTRIES_MAX; i++)
		mux->entries[i].fd = -1;
	fcntl(port, F_SETFL, O_NONBLOCK);
	return mux;
}

static void entry_done(struct entry *entry)
{
	if (entry->fd >= 0 && !entry->ready)
		close(entry->fd);
	free(entry->out.bytes);
	*entry = (struct entry){.fd = -1};
}

struct mux *mux_free(struct mux *mux)
{
	if (!mux)
		return NULL;
	for (size_t i = 0; i < ENTRIES_MAX; i++)
		entry_done(&mux->entries[i]);
	close(mux->port);
	free(mux->in.bytes);
	free(mux->out.bytes);
	free(mux);
	return NULL;
}

void *mux_userdata(const struct mux *mux)
{
	return mux->userdata;
}

static struct entry *entry_free(struct mux *mux)
{
	for (size_t i = 0; i < ENTRIES_MAX; i++) {
		if (mux->entries[i].fd < 0)
			return &mux->entries[i];
	}
	return NULL;
}

static struct entry *stream_find(struct mux *mux, uint32_t number)
{
	for (size_t i = 0; i < ENTRIES_MAX; i++) {
		struct entry *entry = &mux->entries[i];

		if (entry->fd >= 0 && !entry->ready && entry->number == number)
			return entry;
	}
	return NULL;
}

int mux_add(struct mux *mux, uint32_t number, int fd, bool both)
{
	struct entry *entry = entry_free(mux);

	if (!entry) {
		close(fd);
		return -EMFILE;
	}
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	*entry = (struct entry){
		.fd = fd,
		.number = number,
		.reading = true,
		.writing = both,
	};
	return 0;
}

bool mux_is_crowded(const struct mux *mux)
{
	size_t taken = 0;

	for (size_t i = 0; i < ENTRIES_MAX; i++)
		taken += mux->entries[i].fd >= 0;
	return taken > ENTRIES_MAX / 2;
}

int mux_watch(struct mux *mux, int fd, int (*ready)(struct mux *mux, int fd))
{
	struct entry *entry = entry_free(mux);

	if (!entry)
		return -EMFILE;
	*entry = (struct entry){.fd = fd, .ready = ready, .reading = true};
	return 0;
}

static int send_frame(struct mux *mux, uint32_t number, const void *bytes, size_t size)
{
	struct frame frame = {htole32(number), htole32((uint32_t)size)};
	int error = buffer_append(&mux->out, &frame, sizeof(frame));

	return error ? error : buffer_append(&mux->out, bytes, size);
}

int mux_send(struct mux *mux, uint32_t number, const void *bytes, size_t size)
{
	const char *next = bytes;
	int error = 0;

	while (size > 0 && !error) {
		size_t part = size < FRAME_MAX ? size : FRAME_MAX;

		error = send_frame(mux, number, next, part);
		next += part;
		size -= part;
	}
	return error;
}

int mux_send_end(struct mux *mux, uint32_t number)
{
	return send_frame(mux, number, "", 0);
}

static int send_flow(struct mux *mux, uint32_t number, enum flow_action action)
{
	struct flow flow = {htole32(number), htole32(action)};

	return send_frame(mux, MUX_FLOW, &flow, sizeof(flow));
}

int mux_send_closed(struct mux *mux, uint32_t number)
{
	return send_flow(mux, number, FLOW_CLOSED);
}

static void stream_close(struct mux *mux, struct entry *entry)
{
	mux_send_closed(mux, entry->number);
	entry->reading = false;
	entry->writing = false;
}

static void stream_limit(struct mux *mux, struct entry *entry)
{
	if (entry->out.size > CLIENT_HIGH) {
		stream_close(mux, entry);
	} else if (!entry->stopping && entry->out.size > STREAM_HIGH) {
		entry->stopping = true;
		send_flow(mux, entry->number, FLOW_STOP);
	} else if (entry->stopping && entry->out.size < STREAM_LOW) {
		entry->stopping = false;
		send_flow(mux, entry->number, FLOW_GO_ON);
	}
}

/* Writes a stream's pending bytes to its descriptor, and ends the stream after the last ones. */
static void stream_write(struct mux *mux, struct entry *entry)
{
	if (entry->writing && buffer_write(&entry->out, entry->fd) < 0) {
		entry->deaf = true;
		entry->out.size = 0;
	}
	if (entry->writing)
		stream_limit(mux, entry);
	if (entry->writing && entry->ending && entry->out.size == 0) {
		shutdown(entry->fd, SHUT_WR);
		entry->writing = false;
	}
	if (!entry->writing && (!entry->reading || entry->gone))
		entry_done(entry);
}

int mux_deliver(struct mux *mux, uint32_t number, const void *bytes, size_t size)
{
	struct entry *entry = stream_find(mux, number);
	int error = 0;

	if (!entry)
		return -ENOENT;
	if (size == 0)
		entry->ending = true;
	else if (entry->writing && !entry->deaf)
		error = buffer_append(&entry->out, bytes, size);
	stream_write(mux, entry);
	return error;
}

static void handle_flow(struct mux *mux, const void *bytes, size_t size)
{
	struct entry *entry;
	struct flow flow;

	if (size != sizeof(flow))
		return;
	memcpy(&flow, bytes, sizeof(flow));
	entry = stream_find(mux, le32toh(flow.number));
	if (!entry)
		return;
	entry->stopped = le32toh(flow.action) == FLOW_STOP;
	if (le32toh(flow.action) == FLOW_CLOSED) {
		entry->gone = true;
		entry->ending = true;
		stream_write(mux, entry);
	}
}

void mux_deliver_clients(struct mux *mux, const char *text)
{
	for (size_t i = 0; i < ENTRIES_MAX; i++) {
		struct entry *entry = &mux->entries[i];

		if (entry->fd >= 0 && !entry->ready && entry->number >= MUX_CLIENT &&
		    entry->number < MUX_VSOCK)
			mux_deliver(mux, entry->number, text, strlen(text));
	}
}

/* Whether the peer has closed its socket; not if it has shut down one direction. */
static bool is_hung_up(int fd)
{
	struct pollfd polled = {.fd = fd};

	return poll(&polled, 1, 0) > 0 && polled.revents & POLLHUP;
}

static int stream_read(struct mux *mux, struct entry *entry)
{
	char bytes[FRAME_MAX];
	ssize_t n = read(entry->fd, bytes, sizeof(bytes));
	int error;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n > 0)
		return entry->gone ? 0 : mux_send(mux, entry->number, bytes, (size_t)n);
	entry->reading = false;
	error = mux_send_end(mux, entry->number);
	if (entry->writing && (entry->deaf || is_hung_up(entry->fd)))
		stream_close(mux, entry);
	stream_write(mux, entry);
	return error;
}

static void entry_drain(struct mux *mux, struct entry *entry)
{
	while (entry->fd >= 0 && entry->reading) {
		struct pollfd polled = {.fd = entry->fd, .events = POLLIN};

		if (poll(&polled, 1, -1) < 0 || stream_read(mux, entry) < 0)
			return;
	}
}

void mux_drain(struct mux *mux, uint32_t number)
{
	struct entry *entry = stream_find(mux, number);

	if (entry)
		entry_drain(mux, entry);
}

void mux_drain_clients(struct mux *mux)
{
	for (size_t i = 0; i < ENTRIES_MAX; i++) {
		struct entry *entry = &mux->entries[i];

		if (entry->fd >= 0 && !entry->ready && entry->number >= MUX_CLIENT)
			entry_drain(mux, entry);
	}
}

static int handle_frame(struct mux *mux, uint32_t number, const void *bytes, size_t size)
{
	int error;

	if (number == MUX_FLOW) {
		handle_flow(mux, bytes, size);
		return 0;
	}
	error = mux_deliver(mux, number, bytes, size);
	return error == -ENOENT ? mux->unknown(mux, number, bytes, size) : error;
}

/* Handles the frames that were received completely. */
static int port_frames(struct mux *mux)
{
	size_t done = 0;
	int error = 0;

	while (!error && mux->in.size - done >= sizeof(struct frame)) {
		const char *bytes = mux->in.bytes + done + sizeof(struct frame);
		struct frame frame;

		memcpy(&frame, mux->in.bytes + done, sizeof(frame));
		frame.number = le32toh(frame.number);
		frame.size = le32toh(frame.size);
		if (frame.size > FRAME_MAX)
			return -EPROTO;
		if (mux->in.size - done - sizeof(frame) < frame.size)
			break;
		error = handle_frame(mux, frame.number, bytes, frame.size);
		done += sizeof(frame) + frame.size;
	}
	buffer_drop(&mux->in, done);
	return error;
}

static int port_read(struct mux *mux)
{
	char bytes[FRAME_MAX];
	ssize_t n = read(mux->port, bytes, sizeof(bytes));
	int error;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -EPIPE;
	error = buffer_append(&mux->in, bytes, (size_t)n);
	return error ? error : port_frames(mux);
}

static short entry_events(const struct mux *mux, const struct entry *entry)
{
	short events = 0;

	if (entry->reading && !entry->stopped && mux->out.size < PORT_HIGH)
		events |= POLLIN;
	if (entry->writing && entry->out.size > 0)
		events |= POLLOUT;
	return events;
}

/* What is left to happen at the descriptor is that its peer closes it, which is not an event. */
static bool is_half_closed(const struct entry *entry)
{
	return !entry->reading && entry->writing;
}

static int entry_polled(struct mux *mux, struct entry *entry, short events)
{
	if (entry->ready)
		return events ? entry->ready(mux, entry->fd) : 0;
	if (events & POLLOUT)
		stream_write(mux, entry);
	if (entry->fd >= 0 && entry->reading && (events & (POLLIN | POLLHUP | POLLERR)))
		return stream_read(mux, entry);
	if (entry->fd >= 0 && events & POLLHUP && is_half_closed(entry)) {
		stream_close(mux, entry);
		entry_done(entry);
	}
	return 0;
}

static int mux_once(struct mux *mux)
{
	struct pollfd polled[ENTRIES_MAX + 1];
	int error = 0;

	polled[ENTRIES_MAX] = (struct pollfd){
		.fd = mux->port,
		.events = (short)(POLLIN | (mux->out.size > 0 ? POLLOUT : 0)),
	};
	for (size_t i = 0; i < ENTRIES_MAX; i++) {
		short events = entry_events(mux, &mux->entries[i]);

		/* poll() would report a hang-up of a descriptor without events again and again. */
		polled[i] = (struct pollfd){
			.fd = events || is_half_closed(&mux->entries[i]) ? mux->entries[i].fd : -1,
			.events = events,
		};
	}
	if (poll(polled, ENTRIES_MAX + 1, -1) < 0)
		return errno == EINTR ? 0 : -errno;

	for (size_t i = 0; i < ENTRIES_MAX && !error && !mux->stopped; i++) {
		if (polled[i].fd >= 0 && polled[i].fd == mux->entries[i].fd)
			error = entry_polled(mux, &mux->entries[i], polled[i].revents);
	}
	if (!error && !mux->stopped && (polled[ENTRIES_MAX].revents & (POLLIN | POLLHUP)))
		error = port_read(mux);
	if (!error)
		error = buffer_write(&mux->out, mux->port);
	return error;
}

int mux_run(struct mux *mux)
{
	int error = 0;

	while (!error && !mux->stopped)
		error = mux_once(mux);
	return error;
}

void mux_stop(struct mux *mux)
{
	mux->stopped = true;
}

void mux_flush(struct mux *mux, int milliseconds)
{
	while (mux->out.size > 0) {
		struct pollfd polled = {.fd = mux->port, .events = POLLOUT};

		if (poll(&polled, 1, milliseconds) <= 0 || buffer_write(&mux->out, mux->port) < 0)
			return;
	}
}
