// SPDX-License-Identifier: GPL-2.0-or-later
/* The char device's records, over a socket pair that preserves record boundaries as it does. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "events.h"
#include "unit.h"
#include "userspace/guest/transport/device.h"
#include "userspace/shared/util.h"

#define ID 0x1122334455667788ULL

static struct fixture {
	sd_event *event;
	struct device device;
	int driver; /* the other end of the socket pair */
	unsigned int hellos, requests, cancels, ends;
	uint32_t version;
	struct hv_logoff_target request;
	struct hv_logoff_cancel cancel;
	int error;
} fixture;

static void on_hello(void *userdata, uint32_t version)
{
	fixture.hellos++;
	fixture.version = version;
}

static void on_request(void *userdata, const struct hv_logoff_target *request)
{
	fixture.requests++;
	fixture.request = *request;
}

static void on_cancel(void *userdata, const struct hv_logoff_cancel *cancel)
{
	fixture.cancels++;
	fixture.cancel = *cancel;
}

static void on_gone(void *userdata, int error)
{
	fixture.ends++;
	fixture.error = error;
}

static const struct device_handler handler = {
	.hello = on_hello,
	.request = on_request,
	.cancel = on_cancel,
	.gone = on_gone,
};

static int setup(void **state)
{
	int pair[2];

	memset(&fixture, 0, sizeof(fixture));
	if (sd_event_new(&fixture.event) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	fixture.driver = pair[1];
	return device_start(&fixture.device, pair[0], fixture.event, &handler, NULL);
}

static int teardown(void **state)
{
	device_done(&fixture.device);
	closep(&fixture.driver);
	sd_event_unref(fixture.event);
	return 0;
}

static void send_record(const void *record, size_t size)
{
	assert_int_equal(send(fixture.driver, record, size, 0), size);
	run_events(fixture.event, 0);
}

/* As a driver of @version answers a daemon of 1.2. */
static void send_hello(uint32_t version)
{
	const struct hv_logoff_hello hello = {
		.header = {.type = HV_LOGOFF_HELLO,
			   .size = version < HV_LOGOFF_VERSION_1_2 ? HV_LOGOFF_HELLO_SIZE_1_0
								   : sizeof(hello)},
		.version = version,
		.minimum = HV_LOGOFF_VERSION_1_0,
		.capabilities = HV_LOGOFF_CAN_NO_LOGINS,
	};

	send_record(&hello, hello.header.size);
}

/* The daemon sends it when it opens the device. */
static struct hv_logoff_hello receive_hello(void)
{
	struct hv_logoff_hello hello;

	assert_int_equal(recv(fixture.driver, &hello, sizeof(hello), 0), sizeof(hello));
	return hello;
}

static void assert_received(const void *expected, size_t size)
{
	char record[512];

	assert_int_equal(recv(fixture.driver, record, sizeof(record), 0), size);
	assert_memory_equal(record, expected, size);
}

static void close_driver(void)
{
	receive_hello();
	closep(&fixture.driver);
}

static struct hv_logoff_request make_request(void)
{
	return (struct hv_logoff_request){
		.header =
			{
				.type = HV_LOGOFF_REQUEST,
				.size = sizeof(struct hv_logoff_request),
				.id = ID,
			},
		.timeout = 60,
		.grace = 10,
		.message = "bye",
	};
}

static void test_hello(void **state)
{
	const struct hv_logoff_hello hello = receive_hello();

	assert_int_equal(hello.header.type, HV_LOGOFF_HELLO);
	assert_int_equal(hello.header.size, sizeof(hello));
	assert_int_equal(hello.header.id, 0);
	assert_int_equal(hello.version, HV_LOGOFF_VERSION_1_2);
	assert_int_equal(hello.capabilities,
			 HV_LOGOFF_CAN_INCLUDE_LINGERING | HV_LOGOFF_CAN_NO_LOGINS);
	assert_int_equal(hello.minimum, HV_LOGOFF_VERSION_1_0);
	send_hello(HV_LOGOFF_VERSION_1_0);
	assert_int_equal(fixture.hellos, 1);
	assert_int_equal(fixture.version, HV_LOGOFF_VERSION_1_0);
	assert_int_equal(fixture.ends, 0);
}

static void test_request_and_cancel(void **state)
{
	const struct hv_logoff_request request = make_request();
	const struct hv_logoff_cancel cancel = {
		.header = {.type = HV_LOGOFF_CANCEL, .size = sizeof(cancel), .id = ID},
		.reason = HV_LOGOFF_CANCEL_HOST,
	};

	send_hello(HV_LOGOFF_VERSION_1_0);
	send_record(&request, sizeof(request));
	assert_int_equal(fixture.requests, 1);
	assert_memory_equal(&fixture.request.request, &request, sizeof(request));
	assert_int_equal(fixture.request.user[0] | fixture.request.session[0], 0);
	send_record(&cancel, sizeof(cancel));
	assert_int_equal(fixture.cancels, 1);
	assert_memory_equal(&fixture.cancel, &cancel, sizeof(cancel));
	assert_int_equal(fixture.ends, 0);
}

static void test_target(void **state)
{
	struct hv_logoff_target target = {
		.request = make_request(),
		.user = "alice",
		.session = "c3",
	};

	target.request.header.type = HV_LOGOFF_TARGET;
	target.request.header.size = sizeof(target);
	send_hello(HV_LOGOFF_VERSION_1_1);
	assert_int_equal(fixture.version, HV_LOGOFF_VERSION_1_1);
	send_record(&target, sizeof(target));
	assert_int_equal(fixture.requests, 1);
	assert_memory_equal(&fixture.request, &target, sizeof(target));
	target.request.header.size = sizeof(target.request);
	send_record(&target, sizeof(target.request));
	assert_int_equal(fixture.requests, 1);
	assert_int_equal(fixture.error, -EPROTO);
}

static void test_long_hello(void **state)
{
	send_hello(HV_LOGOFF_VERSION_1_2);
	assert_int_equal(fixture.version, HV_LOGOFF_VERSION_1_2);
}

static void test_short_hello(void **state)
{
	send_hello(HV_LOGOFF_VERSION_1_1);
	assert_int_equal(fixture.version, HV_LOGOFF_VERSION_1_1);
}

/* Lets the other end refuse the long HELLO, as drivers of 1.1 and 1.0 do. */
static bool refuse_long_hello;
static unsigned int hellos_written;

ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size)
{
	const struct hv_logoff_header *header = data;

	if (size >= sizeof(*header) && header->type == HV_LOGOFF_HELLO) {
		hellos_written++;
		if (refuse_long_hello && size != HV_LOGOFF_HELLO_SIZE_1_0) {
			errno = EINVAL;
			return -1;
		}
	}
	return __real_write(fd, data, size);
}

static int setup_old_driver(void **state)
{
	refuse_long_hello = true;
	hellos_written = 0;
	return setup(state);
}

static int teardown_old_driver(void **state)
{
	refuse_long_hello = false;
	return teardown(state);
}

static void test_short_hello_to_old_driver(void **state)
{
	struct hv_logoff_hello hello;

	assert_int_equal(hellos_written, 2);
	assert_int_equal(recv(fixture.driver, &hello, sizeof(hello), 0), HV_LOGOFF_HELLO_SIZE_1_0);
	assert_int_equal(hello.header.size, HV_LOGOFF_HELLO_SIZE_1_0);
	assert_int_equal(hello.version, HV_LOGOFF_VERSION_1_2);
	assert_int_equal(hello.minimum, HV_LOGOFF_VERSION_1_0);
	send_hello(HV_LOGOFF_VERSION_1_1);
	assert_int_equal(fixture.hellos, 1);
	assert_int_equal(fixture.version, HV_LOGOFF_VERSION_1_1);
}

static struct hv_logoff_report make_report(void)
{
	return (struct hv_logoff_report){
		.header = {.type = HV_LOGOFF_REPORT,
			   .size = sizeof(struct hv_logoff_report),
			   .id = ID},
		.state = HV_LOGOFF_DONE,
		.text = "over",
		.flags = HV_LOGOFF_REPLAYED,
	};
}

static void test_report(void **state)
{
	const struct hv_logoff_report report = make_report();

	receive_hello();
	send_hello(HV_LOGOFF_VERSION_1_2);
	assert_int_equal(device_report(&fixture.device, &report), 0);
	assert_received(&report, sizeof(report));
}

static void test_report_to_1_1_driver(void **state)
{
	struct hv_logoff_report report = make_report();

	receive_hello();
	send_hello(HV_LOGOFF_VERSION_1_1);
	assert_int_equal(device_report(&fixture.device, &report), 0);
	report.header.size = HV_LOGOFF_REPORT_SIZE_1_0;
	assert_received(&report, HV_LOGOFF_REPORT_SIZE_1_0);
}

static struct hv_logoff_session make_session(enum hv_logoff_outcome outcome)
{
	return (struct hv_logoff_session){
		.header = {.type = HV_LOGOFF_SESSION,
			   .size = sizeof(struct hv_logoff_session),
			   .id = ID},
		.outcome = outcome,
		.kind = outcome == HV_LOGOFF_ENDED ? HV_LOGOFF_FORCED : 0,
		.uid = 1000,
		.user = "alice",
		.session = "c3",
	};
}

static void assert_nothing_received(void)
{
	char bytes[64];

	assert_int_equal(recv(fixture.driver, bytes, sizeof(bytes), 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static void test_session(void **state)
{
	const struct hv_logoff_session session = make_session(HV_LOGOFF_ENDED);

	receive_hello();
	send_hello(HV_LOGOFF_VERSION_1_1);
	assert_int_equal(device_session(&fixture.device, &session), 0);
	assert_received(&session, sizeof(session));
}

static void test_outcomes_of_1_2(void **state)
{
	const struct hv_logoff_session session = make_session(HV_LOGOFF_RETURNED);

	receive_hello();
	send_hello(HV_LOGOFF_VERSION_1_2);
	assert_int_equal(device_session(&fixture.device, &session), 0);
	assert_received(&session, sizeof(session));
}

static void test_outcomes_of_1_2_to_1_1_driver(void **state)
{
	receive_hello();
	send_hello(HV_LOGOFF_VERSION_1_1);
	for (unsigned int outcome = HV_LOGOFF_MANAGER_ENDED; outcome <= HV_LOGOFF_UNTOLD;
	     outcome++) {
		const struct hv_logoff_session session = make_session(outcome);

		assert_int_equal(device_session(&fixture.device, &session), -EOPNOTSUPP);
	}
	assert_nothing_received();
}

static void test_session_to_1_0_driver(void **state)
{
	const struct hv_logoff_session session = make_session(HV_LOGOFF_ENDED);

	receive_hello();
	assert_int_equal(device_session(&fixture.device, &session), -EOPNOTSUPP);
	send_hello(HV_LOGOFF_VERSION_1_0);
	assert_int_equal(device_session(&fixture.device, &session), -EOPNOTSUPP);
	assert_nothing_received();
}

static void test_report_without_driver(void **state)
{
	const struct hv_logoff_report report = {.header.size = sizeof(report)};

	close_driver();
	assert_int_equal(device_report(&fixture.device, &report), -EPIPE);
}

static void test_unknown_record_is_skipped(void **state)
{
	struct hv_logoff_header header = {.type = 77, .size = sizeof(header), .id = ID};
	const struct hv_logoff_request request = make_request();

	send_hello(HV_LOGOFF_VERSION_1_0);
	send_record(&header, sizeof(header));
	send_record(&request, sizeof(request));
	assert_int_equal(fixture.requests, 1);
	assert_int_equal(fixture.ends, 0);
}

static void test_request_before_hello(void **state)
{
	const struct hv_logoff_request request = make_request();

	send_record(&request, sizeof(request));
	assert_int_equal(fixture.requests, 0);
	assert_int_equal(fixture.ends, 1);
	assert_int_equal(fixture.error, -EPROTO);
}

static void test_unsupported_version(void **state)
{
	send_hello(HV_LOGOFF_VERSION + 1);
	assert_int_equal(fixture.hellos, 0);
	assert_int_equal(fixture.error, -EPROTONOSUPPORT);
}

static void test_short_record(void **state)
{
	struct hv_logoff_request request = make_request();

	send_hello(HV_LOGOFF_VERSION_1_0);
	send_record(&request, sizeof(request) - 1);
	assert_int_equal(fixture.error, -EPROTO);
	assert_int_equal(fixture.requests, 0);
}

/* A later version may have appended fields. Bytes that are not zero would have a meaning. */
static void test_longer_records_since_1_2(void **state)
{
	struct {
		struct hv_logoff_request request;
		uint64_t later;
	} longer = {.request = make_request()};

	longer.request.header.size = sizeof(longer);
	send_hello(HV_LOGOFF_VERSION_1_2);
	send_record(&longer, sizeof(longer));
	assert_int_equal(fixture.requests, 1);
	assert_int_equal(fixture.ends, 0);
	longer.later = 1ULL << 63;
	send_record(&longer, sizeof(longer));
	assert_int_equal(fixture.requests, 1);
	assert_int_equal(fixture.error, -EPROTO);
}

static void test_longer_records_of_1_1(void **state)
{
	struct {
		struct hv_logoff_request request;
		uint64_t later;
	} longer = {.request = make_request()};

	longer.request.header.size = sizeof(longer);
	send_hello(HV_LOGOFF_VERSION_1_1);
	send_record(&longer, sizeof(longer));
	assert_int_equal(fixture.requests, 0);
	assert_int_equal(fixture.error, -EPROTO);
}

static void test_longer_hello(void **state)
{
	struct {
		struct hv_logoff_hello hello;
		uint64_t later;
	} longer = {.hello = {.header = {.type = HV_LOGOFF_HELLO, .size = sizeof(longer)},
			      .version = HV_LOGOFF_VERSION_1_2}};

	send_record(&longer, sizeof(longer));
	assert_int_equal(fixture.hellos, 1);
	assert_int_equal(fixture.ends, 0);
}

static void test_too_short_hello(void **state)
{
	const struct hv_logoff_hello hello = {
		.header = {.type = HV_LOGOFF_HELLO, .size = HV_LOGOFF_HELLO_SIZE_1_0 - 4},
		.version = HV_LOGOFF_VERSION_1_2,
	};

	send_record(&hello, hello.header.size);
	assert_int_equal(fixture.hellos, 0);
	assert_int_equal(fixture.error, -EPROTO);
}

static void test_size_in_header_differs(void **state)
{
	struct hv_logoff_request request = make_request();

	send_hello(HV_LOGOFF_VERSION_1_0);
	request.header.size = sizeof(struct hv_logoff_cancel);
	send_record(&request, sizeof(struct hv_logoff_cancel));
	assert_int_equal(fixture.error, -EPROTO);
	assert_int_equal(fixture.requests, 0);
}

static void test_shorter_than_header(void **state)
{
	send_hello(HV_LOGOFF_VERSION_1_0);
	send_record("abc", 3);
	assert_int_equal(fixture.error, -EPROTO);
}

static void test_device_disappears(void **state)
{
	send_hello(HV_LOGOFF_VERSION_1_0);
	close_driver();
	run_events(fixture.event, 0);
	assert_int_equal(fixture.ends, 1);
	assert_int_equal(fixture.error, -ENODEV);
	/* It is reported only once. */
	run_events(fixture.event, 0);
	assert_int_equal(fixture.ends, 1);
}

static void test_no_device(void **state)
{
	assert_int_equal(device_open("/does/not/exist"), -ENOENT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_hello),
		TEST(test_request_and_cancel),
		TEST(test_target),
		TEST(test_long_hello),
		TEST(test_short_hello),
		cmocka_unit_test_setup_teardown(test_short_hello_to_old_driver, setup_old_driver,
						teardown_old_driver),
		TEST(test_report),
		TEST(test_report_to_1_1_driver),
		TEST(test_session),
		TEST(test_outcomes_of_1_2),
		TEST(test_outcomes_of_1_2_to_1_1_driver),
		TEST(test_session_to_1_0_driver),
		TEST(test_report_without_driver),
		TEST(test_unknown_record_is_skipped),
		TEST(test_request_before_hello),
		TEST(test_unsupported_version),
		TEST(test_short_record),
		TEST(test_longer_records_since_1_2),
		TEST(test_longer_records_of_1_1),
		TEST(test_longer_hello),
		TEST(test_too_short_hello),
		TEST(test_size_in_header_differs),
		TEST(test_shorter_than_header),
		TEST(test_device_disappears),
		TEST(test_no_device),
	};

	/* As in the daemon, a write to a closed socket fails with EPIPE. */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
