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

static void send_hello(uint32_t version)
{
	const struct hv_logoff_hello hello = {
		.header = {.type = HV_LOGOFF_HELLO, .size = sizeof(hello)},
		.version = version,
		.minimum = HV_LOGOFF_VERSION_1_0,
	};

	send_record(&hello, sizeof(hello));
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
	assert_int_equal(hello.version, HV_LOGOFF_VERSION_1_1);
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

static void test_report(void **state)
{
	const struct hv_logoff_report report = {
		.header = {.type = HV_LOGOFF_REPORT, .size = sizeof(report), .id = ID},
		.state = HV_LOGOFF_DONE,
		.text = "over",
	};

	receive_hello();
	assert_int_equal(device_report(&fixture.device, &report), 0);
	assert_received(&report, sizeof(report));
}

static void test_session(void **state)
{
	const struct hv_logoff_session session = {
		.header = {.type = HV_LOGOFF_SESSION, .size = sizeof(session)},
		.outcome = HV_LOGOFF_ENDED,
		.kind = HV_LOGOFF_FORCED,
		.uid = 1000,
		.user = "alice",
		.session = "c3",
	};

	receive_hello();
	send_hello(HV_LOGOFF_VERSION_1_1);
	assert_int_equal(device_session(&fixture.device, &session), 0);
	assert_received(&session, sizeof(session));
}

static void test_session_to_1_0_driver(void **state)
{
	const struct hv_logoff_session session = {.header.size = sizeof(session)};
	char bytes[64];

	receive_hello();
	assert_int_equal(device_session(&fixture.device, &session), -EOPNOTSUPP);
	send_hello(HV_LOGOFF_VERSION_1_0);
	assert_int_equal(device_session(&fixture.device, &session), -EOPNOTSUPP);
	assert_int_equal(recv(fixture.driver, bytes, sizeof(bytes), 0), -1);
	assert_int_equal(errno, EAGAIN);
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
	send_hello(HV_LOGOFF_VERSION_1_1 + 1);
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
		TEST(test_report),
		TEST(test_session),
		TEST(test_session_to_1_0_driver),
		TEST(test_report_without_driver),
		TEST(test_unknown_record_is_skipped),
		TEST(test_request_before_hello),
		TEST(test_unsupported_version),
		TEST(test_short_record),
		TEST(test_size_in_header_differs),
		TEST(test_shorter_than_header),
		TEST(test_device_disappears),
		TEST(test_no_device),
	};

	/* As in the daemon, a write to a closed socket fails with EPIPE. */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
