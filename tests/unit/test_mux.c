// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Streams between the two ends of a multiplexer. Each end runs in a thread of its own; the tests
 * have the descriptors that the ends relay: @outside[] and @inside[] are the two ends of a stream.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/hvhost/outer/mux.h"
#include "unit.h"

#define STREAMS 2
#define LOTS    ((size_t)4 * 1024 * 1024) /* more than all buffers on the way hold */

static struct mux *ends[2];
static pthread_t threads[2];
static int port;
static int outside[STREAMS], inside[STREAMS];

static int ignore(struct mux *mux, uint32_t number, const void *bytes, size_t size)
{
	return 0;
}

static void *run(void *end)
{
	assert_int_equal(mux_run(end), -EPIPE);
	return NULL;
}

static int add_stream(struct mux *end, uint32_t number)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(mux_add(end, number, pair[1], true), 0);
	return pair[0];
}

static int setup(void **state)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	port = pair[0];
	for (int i = 0; i < 2; i++)
		ends[i] = mux_new(pair[i], ignore, NULL);
	for (uint32_t i = 0; i < STREAMS; i++) {
		outside[i] = add_stream(ends[0], MUX_VSOCK + i);
		inside[i] = add_stream(ends[1], MUX_VSOCK + i);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run, ends[i]), 0);
	return 0;
}

static int teardown(void **state)
{
	shutdown(port, SHUT_RDWR);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		mux_free(ends[i]);
	}
	for (int i = 0; i < STREAMS; i++) {
		closep(&outside[i]);
		closep(&inside[i]);
	}
	return 0;
}

static void put(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void expect(int fd, const char *text)
{
	char got[64];

	assert_true(strlen(text) <= sizeof(got));
	assert_int_equal(recv(fd, got, strlen(text), MSG_WAITALL), strlen(text));
	assert_memory_equal(got, text, strlen(text));
}

/* Writes until nothing more is taken for a while: everything on the way to a reader is full. */
static size_t fill(int fd)
{
	static const char bytes[4096];
	struct pollfd polled = {.fd = fd, .events = POLLOUT};
	size_t all = 0;

	while (all < LOTS && poll(&polled, 1, 500) > 0) {
		ssize_t sent = send(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL);

		assert_true(sent > 0 || errno == EAGAIN);
		all += sent > 0 ? (size_t)sent : 0;
	}
	return all;
}

static size_t read_to_end(int fd)
{
	char bytes[4096];
	size_t all = 0;
	ssize_t got;

	while ((got = read(fd, bytes, sizeof(bytes))) > 0)
		all += (size_t)got;
	assert_int_equal(got, 0);
	return all;
}

static void test_both_ways(void **state)
{
	put(outside[0], "in");
	expect(inside[0], "in");
	put(inside[0], "out");
	expect(outside[0], "out");
}

static void test_each_direction_ends_for_itself(void **state)
{
	shutdown(outside[0], SHUT_WR);
	expect(inside[0], "");
	assert_int_equal(read_to_end(inside[0]), 0);
	put(inside[0], "answer");
	shutdown(inside[0], SHUT_WR);
	expect(outside[0], "answer");
	assert_int_equal(read_to_end(outside[0]), 0);
}

static void test_slow_reader_stops_only_its_stream(void **state)
{
	size_t sent = fill(outside[0]);

	assert_true(sent < LOTS);
	put(outside[1], "another stream");
	expect(inside[1], "another stream");
	put(inside[0], "the other direction");
	expect(outside[0], "the other direction");
	shutdown(outside[0], SHUT_WR);
	assert_int_equal(read_to_end(inside[0]), sent);
}

/* Waits for the hang-up, which is not the end of one direction. */
static void expect_hang_up(int fd)
{
	struct pollfd polled = {.fd = fd};

	assert_int_equal(poll(&polled, 1, 60000), 1);
	assert_true(polled.revents & POLLHUP);
}

static void test_close_reaches_the_other_end(void **state)
{
	put(outside[0], "last");
	closep(&outside[0]);
	expect_hang_up(inside[0]);
	expect(inside[0], "last");
	assert_int_equal(read_to_end(inside[0]), 0);
	closep(&inside[1]);
	expect_hang_up(outside[1]);
}

static void test_close_after_the_end_of_one_direction(void **state)
{
	shutdown(outside[0], SHUT_WR);
	assert_int_equal(read_to_end(inside[0]), 0);
	closep(&outside[0]);
	expect_hang_up(inside[0]);
}

/* What was written before the close arrives, though the reader is slow. */
static void test_close_with_much_unread(void **state)
{
	size_t sent = fill(outside[0]);

	closep(&outside[0]);
	assert_int_equal(read_to_end(inside[0]), sent);
	expect_hang_up(inside[0]);
}

/* The reader has left: the writer learns it, and need not be read to the end. */
static void test_close_while_the_other_end_writes(void **state)
{
	fill(inside[0]);
	closep(&outside[0]);
	expect_hang_up(inside[0]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_both_ways),
		TEST(test_each_direction_ends_for_itself),
		TEST(test_slow_reader_stops_only_its_stream),
		TEST(test_close_reaches_the_other_end),
		TEST(test_close_after_the_end_of_one_direction),
		TEST(test_close_with_much_unread),
		TEST(test_close_while_the_other_end_writes),
	};

	signal(SIGPIPE, SIG_IGN); /* as in hvhost */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
