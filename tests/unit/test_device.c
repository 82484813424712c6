// SPDX-License-Identifier: GPL-2.0-or-later
/* The char device's records, over a pair of sockets that keep records whole as it does. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "userspace/guest/transport/device.h"
#include "userspace/shared/util.h"

#define ID 0x1122334455667788ULL

static struct fixture {
	sd_event *event;
	struct device device;
	int driver; /* the other end */
	unsigned int hellos, requests, cancels, ends;
	uint32_t version;
	struct hv_logoff_target request;
	struct hv_logoff_cancel cancel;
	int error;
} fixture;

static void on_hello(void *userdata, uint32_t version)
{
	(void)userdata;
	fixture.hellos++;
	fixture.version = version;
}

static void on_request(void *userdata, const struct hv_logoff_target *request)
{
	(void)userdata;
	fixture.requests++;
	fixture.request = *request;
}

static void on_cancel(void *userdata, const struct hv_logoff_cancel *cancel)
{
	(void)userdata;
	fixture.cancels++;
	fixture.cancel = *cancel;
}

static void on_gone(void *userdata, int error)
{
	(void)userdata;
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

	(void)state;
	memset(&fixture, 0, sizeof(fixture));
	if (sd_event_new(&fixture.event) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	fixture.driver = pair[1];
	return device_start(&fixture.device, pair[0], fixture.event, &handler, NULL);
}

static int teardown(void **state)
{
	(void)state;
	device_done(&fixture.device);
	closep(&fixture.driver);
	sd_event_unref(fixture.event);
	return 0;
}

static void run(void)
{
	int r;

	do {
		r = sd_event_run(fixture.event, 0);
		assert_true(r >= 0);
	} while (r > 0);
}

static void say(const void *record, size_t size)
{
	assert_int_equal(send(fixture.driver, record, size, 0), size);
	run();
}

static void say_hello(uint32_t version)
{
	const struct hv_logoff_hello hello = {
		.header = {.type = HV_LOGOFF_HELLO, .size = sizeof(hello)},
		.version = version,
		.minimum = HV_LOGOFF_VERSION_1_0,
	};

	say(&hello, sizeof(hello));
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
	struct hv_logoff_hello hello;

	(void)state;
	assert_int_equal(recv(fixture.driver, &hello, sizeof(hello), 0), sizeof(hello));
	assert_int_equal(hello.header.type, HV_LOGOFF_HELLO);
	assert_int_equal(hello.header.size, sizeof(hello));
	assert_int_equal(hello.header.id, 0);
	assert_int_equal(hello.version, HV_LOGOFF_VERSION_1_1);
	assert_int_equal(hello.minimum, HV_LOGOFF_VERSION_1_0);
	say_hello(HV_LOGOFF_VERSION_1_0);
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

	(void)state;
	say_hello(HV_LOGOFF_VERSION_1_0);
	say(&request, sizeof(request));
	assert_int_equal(fixture.requests, 1);
	assert_memory_equal(&fixture.request.request, &request, sizeof(request));
	assert_int_equal(fixture.request.user[0] | fixture.request.session[0], 0);
	say(&cancel, sizeof(cancel));
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

	(void)state;
	target.request.header.type = HV_LOGOFF_TARGET;
	target.request.header.size = sizeof(target);
	say_hello(HV_LOGOFF_VERSION_1_1);
	assert_int_equal(fixture.version, HV_LOGOFF_VERSION_1_1);
	say(&target, sizeof(target));
	assert_int_equal(fixture.requests, 1);
	assert_memory_equal(&fixture.request, &target, sizeof(target));
	target.request.header.size = sizeof(target.request);
	say(&target, sizeof(target.request));
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
	struct hv_logoff_report heard;
	char hello[64];

	(void)state;
	assert_true(recv(fixture.driver, hello, sizeof(hello), 0) > 0);
	assert_int_equal(device_report(&fixture.device, &report), 0);
	assert_int_equal(recv(fixture.driver, &heard, sizeof(heard), 0), sizeof(heard));
	assert_memory_equal(&heard, &report, sizeof(report));
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
	struct hv_logoff_session heard;
	char hello[64];

	(void)state;
	assert_true(recv(fixture.driver, hello, sizeof(hello), 0) > 0);
	say_hello(HV_LOGOFF_VERSION_1_1);
	assert_int_equal(device_session(&fixture.device, &session), 0);
	assert_int_equal(recv(fixture.driver, &heard, sizeof(heard), 0), sizeof(heard));
	assert_memory_equal(&heard, &session, sizeof(session));
}

static void test_session_to_an_older_driver(void **state)
{
	const struct hv_logoff_session session = {.header.size = sizeof(session)};
	char bytes[64];

	(void)state;
	assert_true(recv(fixture.driver, bytes, sizeof(bytes), 0) > 0);
	assert_int_equal(device_session(&fixture.device, &session), -EOPNOTSUPP);
	say_hello(HV_LOGOFF_VERSION_1_0);
	assert_int_equal(device_session(&fixture.device, &session), -EOPNOTSUPP);
	assert_int_equal(recv(fixture.driver, bytes, sizeof(bytes), 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static void test_report_to_nobody(void **state)
{
	const struct hv_logoff_report report = {.header.size = sizeof(report)};
	char hello[64];

	(void)state;
	assert_true(recv(fixture.driver, hello, sizeof(hello), 0) > 0);
	closep(&fixture.driver);
	fixture.driver = -1;
	assert_int_equal(device_report(&fixture.device, &report), -EPIPE);
}

static void test_unknown_record_is_skipped(void **state)
{
	struct hv_logoff_header header = {.type = 77, .size = sizeof(header), .id = ID};
	const struct hv_logoff_request request = make_request();

	(void)state;
	say_hello(HV_LOGOFF_VERSION_1_0);
	say(&header, sizeof(header));
	say(&request, sizeof(request));
	assert_int_equal(fixture.requests, 1);
	assert_int_equal(fixture.ends, 0);
}

static void test_no_hello(void **state)
{
	const struct hv_logoff_request request = make_request();

	(void)state;
	say(&request, sizeof(request));
	assert_int_equal(fixture.requests, 0);
	assert_int_equal(fixture.ends, 1);
	assert_int_equal(fixture.error, -EPROTO);
}

static void test_other_version(void **state)
{
	(void)state;
	say_hello(HV_LOGOFF_VERSION_1_1 + 1);
	assert_int_equal(fixture.hellos, 0);
	assert_int_equal(fixture.error, -EPROTONOSUPPORT);
}

static void test_wrong_sizes(void **state)
{
	struct hv_logoff_request request = make_request();

	(void)state;
	say_hello(HV_LOGOFF_VERSION_1_0);
	say(&request, sizeof(request) - 1);
	assert_int_equal(fixture.error, -EPROTO);
	assert_int_equal(fixture.requests, 0);
}

static void test_header_states_another_size(void **state)
{
	struct hv_logoff_request request = make_request();

	(void)state;
	say_hello(HV_LOGOFF_VERSION_1_0);
	request.header.size = sizeof(struct hv_logoff_cancel);
	say(&request, sizeof(struct hv_logoff_cancel));
	assert_int_equal(fixture.error, -EPROTO);
	assert_int_equal(fixture.requests, 0);
}

static void test_less_than_a_header(void **state)
{
	(void)state;
	say_hello(HV_LOGOFF_VERSION_1_0);
	say("abc", 3);
	assert_int_equal(fixture.error, -EPROTO);
}

static void test_device_goes(void **state)
{
	char hello[64];

	(void)state;
	assert_true(recv(fixture.driver, hello, sizeof(hello), 0) > 0);
	say_hello(HV_LOGOFF_VERSION_1_0);
	closep(&fixture.driver);
	fixture.driver = -1;
	run();
	assert_int_equal(fixture.ends, 1);
	assert_int_equal(fixture.error, -ENODEV);
	/* It is said once. */
	run();
	assert_int_equal(fixture.ends, 1);
}

static void test_no_device(void **state)
{
	(void)state;
	assert_int_equal(device_open("/does/not/exist"), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_hello),
		TEST(test_request_and_cancel),
		TEST(test_target),
		TEST(test_report),
		TEST(test_session),
		TEST(test_session_to_an_older_driver),
		TEST(test_report_to_nobody),
		TEST(test_unknown_record_is_skipped),
		TEST(test_no_hello),
		TEST(test_other_version),
		TEST(test_wrong_sizes),
		TEST(test_header_states_another_size),
		TEST(test_less_than_a_header),
		TEST(test_device_goes),
		TEST(test_no_device),
	};

	/* As in a daemon: a write to a closed end is an error, not an end. */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
