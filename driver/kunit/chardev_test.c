// SPDX-License-Identifier: GPL-2.0-only
/*
 * The char device, through its file operations.
 */
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/mman.h>
#include <linux/poll.h>
#include <linux/uaccess.h>

#include "fixture.h"

/**
 * struct opened - an open file of the char device
 * @inode: not used by the driver
 * @file: the open file of the daemon
 * @buffer: a page of user memory
 */
struct opened {
	struct inode inode;
	struct file file;
	char __user *buffer;
};

static const struct file_operations *fops(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	return fixture->core->misc.fops;
}

static int chardev_init(struct kunit *test)
{
	struct fixture *fixture;
	int ret = fixture_init(test);

	if (ret)
		return ret;
	fixture = test->priv;
	return hvl_chardev_register(fixture->core, NULL);
}

static void chardev_exit(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	hvl_chardev_unregister(fixture->core);
	fixture_exit(test);
}

static struct opened *open_device(struct kunit *test, unsigned int flags)
{
	struct fixture *fixture = test->priv;
	struct opened *opened = kunit_kzalloc(test, sizeof(*opened), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, opened);
	opened->file.f_flags = O_RDWR | flags;
	opened->file.private_data = &fixture->core->misc;
	opened->buffer = (char __user *)kunit_vm_mmap(test, NULL, 0, PAGE_SIZE,
						      PROT_READ | PROT_WRITE,
						      MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_NOT_NULL(test, opened->buffer);
	KUNIT_ASSERT_EQ(test, fops(test)->open(&opened->inode, &opened->file), 0);
	return opened;
}

static void close_device(struct kunit *test, struct opened *opened)
{
	KUNIT_EXPECT_EQ(test, fops(test)->release(&opened->inode, &opened->file), 0);
}

static ssize_t write_bytes(struct kunit *test, struct opened *opened, const void *data, size_t size)
{
	KUNIT_ASSERT_EQ(test, copy_to_user(opened->buffer, data, size), 0);
	return fops(test)->write(&opened->file, opened->buffer, size, &opened->file.f_pos);
}

static ssize_t read_bytes(struct kunit *test, struct opened *opened, void *data, size_t size)
{
	ssize_t ret = fops(test)->read(&opened->file, opened->buffer, size, &opened->file.f_pos);

	if (ret > 0)
		KUNIT_ASSERT_EQ(test, copy_from_user(data, opened->buffer, ret), 0);
	return ret;
}

static const struct hv_logoff_hello hello = {
	.header = { .type = HV_LOGOFF_HELLO, .size = sizeof(struct hv_logoff_hello) },
	.version = HV_LOGOFF_VERSION,
	.minimum = HV_LOGOFF_VERSION_1_0,
};

static struct opened *open_and_handshake(struct kunit *test)
{
	struct opened *opened = open_device(test, O_NONBLOCK);
	struct hv_logoff_hello answer;

	KUNIT_ASSERT_EQ(test, write_bytes(test, opened, &hello, sizeof(hello)), sizeof(hello));
	KUNIT_ASSERT_EQ(test, read_bytes(test, opened, &answer, sizeof(answer)), sizeof(answer));
	KUNIT_EXPECT_EQ(test, answer.version, HV_LOGOFF_VERSION);
	KUNIT_EXPECT_EQ(test, answer.capabilities, 0);
	return opened;
}

/* Queues a request for the daemon that has the device open. */
static void host_requests_logoff(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	host_negotiates(test);
	KUNIT_ASSERT_TRUE(test, hvl_host_transmit(fixture->core, &fixture->tx));
	host_sends(test, HVL_OP_LOGOFF, ID);
}

static const struct hv_logoff_report *a_report(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	fixture->report = (struct hv_logoff_report){
		.header = {
			.type = HV_LOGOFF_REPORT,
			.size = sizeof(struct hv_logoff_report),
			.id = ID,
		},
		.state = HV_LOGOFF_GRACE,
		.percent = 10,
		.found = 2,
		.text = "notifying the users",
	};
	return &fixture->report;
}

static const struct hv_logoff_session *a_session(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	fixture->session = (struct hv_logoff_session){
		.header = {
			.type = HV_LOGOFF_SESSION,
			.size = sizeof(struct hv_logoff_session),
		},
		.outcome = HV_LOGOFF_ENDED,
		.kind = HV_LOGOFF_FORCED,
		.uid = 1000,
		.user = "anna",
		.session = "c3",
	};
	return &fixture->session;
}

static void one_opener_at_a_time(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct opened *first = open_device(test, 0);
	struct file second = { .private_data = &fixture->core->misc };

	KUNIT_EXPECT_EQ(test, fops(test)->open(&first->inode, &second), -EBUSY);
	close_device(test, first);
	close_device(test, open_device(test, 0));
}

/* A host may make a new offer before the old one is released. */
static void second_component_gets_the_device_when_the_first_is_gone(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct hvl_core *second;
	struct device *parent;
	bool waited, owned;

	if (!fixture->core->misc.this_device)
		kunit_skip(test, "the host offers the component");
	second = hvl_core_create(fixture->core->kick, fixture);
	parent = root_device_register("hv_logoff_kunit");
	KUNIT_ASSERT_NOT_NULL(test, second);
	KUNIT_ASSERT_FALSE(test, IS_ERR(parent));
	KUNIT_EXPECT_EQ(test, hvl_chardev_register(second, parent), 0);
	waited = !second->misc.this_device;
	hvl_chardev_unregister(fixture->core);
	owned = second->misc.this_device && second->misc.this_device->parent == parent;
	/* chardev_exit() unregisters it; now it is the second. */
	KUNIT_EXPECT_EQ(test, hvl_chardev_register(fixture->core, NULL), 0);
	hvl_chardev_unregister(second);
	root_device_unregister(parent);
	hvl_core_put(second);
	KUNIT_EXPECT_TRUE(test, waited);
	KUNIT_EXPECT_TRUE(test, owned);
}

static void component_without_the_device_can_be_unregistered(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct hvl_core *second = hvl_core_create(fixture->core->kick, fixture);

	KUNIT_ASSERT_NOT_NULL(test, second);
	KUNIT_EXPECT_EQ(test, hvl_chardev_register(second, NULL), 0);
	hvl_chardev_unregister(second);
	hvl_core_put(second);
	close_device(test, open_and_handshake(test));
}

static void open_file_stays_valid_without_the_offer(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct opened *opened = open_and_handshake(test);
	char byte;

	hvl_core_stop(fixture->core);
	KUNIT_EXPECT_EQ(test, read_bytes(test, opened, &byte, 1), -ENODEV);
	KUNIT_EXPECT_EQ(test, write_bytes(test, opened, a_report(test), sizeof(fixture->report)),
			-ENODEV);
	KUNIT_EXPECT_TRUE(test, fops(test)->poll(&opened->file, NULL) & EPOLLHUP);
	close_device(test, opened);
}

static void nothing_works_before_the_handshake(struct kunit *test)
{
	struct opened *opened = open_device(test, 0);
	char bytes[64];

	KUNIT_EXPECT_EQ(test, read_bytes(test, opened, bytes, sizeof(bytes)), -EPROTO);
	KUNIT_EXPECT_EQ(test, write_bytes(test, opened, a_report(test),
					  sizeof(struct hv_logoff_report)), -EPROTO);
	KUNIT_EXPECT_FALSE(test, fops(test)->poll(&opened->file, NULL) & EPOLLIN);
	KUNIT_EXPECT_EQ(test, write_bytes(test, opened, &hello, sizeof(hello)), sizeof(hello));
	KUNIT_EXPECT_TRUE(test, fops(test)->poll(&opened->file, NULL) & EPOLLIN);
	KUNIT_EXPECT_EQ(test, write_bytes(test, opened, &hello, sizeof(hello)), -EPROTO);
	KUNIT_EXPECT_EQ(test, write_bytes(test, opened, a_report(test),
					  sizeof(struct hv_logoff_report)), -EPROTO);
	close_device(test, opened);
}

static void hello_versions_must_overlap(struct kunit *test)
{
	static const struct {
		u32 version, minimum, size;
		ssize_t result;
		u32 chosen;
	} cases[] = {
		{ 0x00020000, 0x00020000, 32, -EPROTONOSUPPORT },
		{ 0x00010003, 0x00010003, 32, -EPROTONOSUPPORT },
		{ 0x0000ffff, 0x00000001, 24, -EPROTONOSUPPORT },
		{ 0x00010000, 0x00020000, 24, -EINVAL },
		{ 0x00010000, 0x00010000, 24, 24, HV_LOGOFF_VERSION_1_0 },
		{ 0x00010000, 0x00010000, 32, -EINVAL },
		{ 0x00010001, 0x00010000, 24, 24, HV_LOGOFF_VERSION_1_1 },
		{ 0x00010001, 0x00010001, 24, 24, HV_LOGOFF_VERSION_1_1 },
		{ 0x00010001, 0x00010001, 32, -EINVAL },
		{ 0x00010002, 0x00010000, 24, 24, HV_LOGOFF_VERSION_1_2 },
		{ 0x00010002, 0x00010000, 32, 32, HV_LOGOFF_VERSION_1_2 },
		{ 0x00010002, 0x00010000, 23, -EINVAL },
		{ 0x00020003, 0x00010000, 32, 32, HV_LOGOFF_VERSION_1_2 },
	};
	struct hv_logoff_hello answer;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct opened *opened = open_device(test, 0);
		struct hv_logoff_hello mine = hello;

		mine.header.size = cases[i].size;
		mine.version = cases[i].version;
		mine.minimum = cases[i].minimum;
		KUNIT_EXPECT_EQ(test, write_bytes(test, opened, &mine, cases[i].size),
				cases[i].result);
		if (cases[i].chosen) {
			/* The driver answers in the size of the daemon's. */
			KUNIT_EXPECT_EQ(test, read_bytes(test, opened, &answer, sizeof(answer)),
					cases[i].size);
			KUNIT_EXPECT_EQ(test, answer.header.size, cases[i].size);
			KUNIT_EXPECT_EQ(test, answer.version, cases[i].chosen);
		}
		close_device(test, opened);
	}
}

static void records_are_read_whole(struct kunit *test)
{
	struct opened *opened = open_and_handshake(test);
	static struct hv_logoff_request request;

	KUNIT_EXPECT_EQ(test, read_bytes(test, opened, &request, sizeof(request)), -EAGAIN);
	KUNIT_EXPECT_FALSE(test, fops(test)->poll(&opened->file, NULL) & EPOLLIN);
	host_requests_logoff(test);
	KUNIT_EXPECT_TRUE(test, fops(test)->poll(&opened->file, NULL) & EPOLLIN);
	KUNIT_EXPECT_EQ(test, read_bytes(test, opened, &request, sizeof(request) - 1), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, read_bytes(test, opened, &request, 0), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, fops(test)->read(&opened->file, NULL, sizeof(request), NULL),
			-EFAULT);
	/* The failed reads have not consumed the record. */
	KUNIT_EXPECT_EQ(test, read_bytes(test, opened, &request, PAGE_SIZE / 2), sizeof(request));
	KUNIT_EXPECT_EQ(test, request.header.id, ID);
	KUNIT_EXPECT_STREQ(test, request.message, "save your work");
	KUNIT_EXPECT_EQ(test, read_bytes(test, opened, &request, sizeof(request)), -EAGAIN);
	close_device(test, opened);
}

static void targets_are_read_whole(struct kunit *test)
{
	struct opened *opened = open_and_handshake(test);
	static struct hv_logoff_target target;

	host_negotiates(test);
	host_receives_version(test, hvl_message_versions[0]);
	host_sends(test, HVL_OP_TARGET, ID);
	KUNIT_EXPECT_EQ(test, read_bytes(test, opened, &target, sizeof(target) - 1), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, read_bytes(test, opened, &target, sizeof(target)), sizeof(target));
	KUNIT_EXPECT_EQ(test, target.request.header.type, HV_LOGOFF_TARGET);
	KUNIT_EXPECT_STREQ(test, target.user, "anna");
	close_device(test, opened);
}

static void records_are_written_whole(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct opened *opened = open_and_handshake(test);
	static struct hv_logoff_request request;
	size_t size;

	host_requests_logoff(test);
	read_bytes(test, opened, &request, sizeof(request));
	a_report(test);
	for (size = 0; size < sizeof(fixture->report); size++)
		KUNIT_EXPECT_EQ(test, write_bytes(test, opened, &fixture->report, size), -EINVAL);
	for (; size <= HV_LOGOFF_RECORD_MAX; size++)
		KUNIT_EXPECT_EQ(test, fops(test)->write(&opened->file, opened->buffer, size, NULL),
				size == sizeof(fixture->report) ? (ssize_t)size : -EINVAL);
	KUNIT_EXPECT_EQ(test, fops(test)->write(&opened->file, opened->buffer, size, NULL),
			-EMSGSIZE);
	KUNIT_EXPECT_EQ(test, fops(test)->write(&opened->file, NULL, sizeof(fixture->report), NULL),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, write_bytes(test, opened, &fixture->report, sizeof(fixture->report)),
			sizeof(fixture->report));
	close_device(test, opened);
}

static void reports_are_checked(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct hv_logoff_report *report = &fixture->report;
	struct opened *opened = open_and_handshake(test);
	static struct hv_logoff_request request;

	host_requests_logoff(test);
	read_bytes(test, opened, &request, sizeof(request));
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);

#define REFUSED(change, error) do { \
		a_report(test); \
		change; \
		KUNIT_EXPECT_EQ(test, write_bytes(test, opened, report, sizeof(*report)), error); \
	} while (0)
	REFUSED(report->header.type = HV_LOGOFF_REQUEST, -EINVAL);
	REFUSED(report->header.size--, -EINVAL);
	REFUSED(report->state = HV_LOGOFF_DELIVERED, -EINVAL);
	REFUSED(report->state = HV_LOGOFF_DONE + 1, -EINVAL);
	REFUSED(report->percent = 101, -EINVAL);
	REFUSED(report->ended = 3, -EINVAL);
	REFUSED(report->failed = 3, -EINVAL);
	REFUSED((report->ended = 1, report->failed = 0xffffffff), -EINVAL);
	REFUSED(report->result = HV_LOGOFF_E_FAIL, -EINVAL);
	REFUSED(memset(report->text, 'x', sizeof(report->text)), -EINVAL);
	REFUSED(report->text[sizeof(report->text) - 1] = 'x', -EINVAL);
	REFUSED(report->header.id++, -ESTALE);
	REFUSED(report->header.id = 0, -ESTALE);
#undef REFUSED
	/* The rejected records have not reached the host. */
	host_receives_nothing(test);
	close_device(test, opened);
}

static void sessions_are_checked(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct hv_logoff_session *session = &fixture->session;
	struct opened *opened = open_device(test, O_NONBLOCK);
	struct hv_logoff_hello answer;

	a_session(test);
	KUNIT_EXPECT_EQ(test, write_bytes(test, opened, session, sizeof(*session)), -EPROTO);
	write_bytes(test, opened, &hello, sizeof(hello));
	KUNIT_EXPECT_EQ(test, write_bytes(test, opened, session, sizeof(*session)), -EPROTO);
	read_bytes(test, opened, &answer, sizeof(answer));
	host_negotiates(test);
	host_receives_version(test, hvl_message_versions[0]);

#define REFUSED(change, error) do { \
		a_session(test); \
		change; \
		KUNIT_EXPECT_EQ(test, write_bytes(test, opened, session, sizeof(*session)), \
				error); \
	} while (0)
	REFUSED(session->header.size--, -EINVAL);
	REFUSED(session->outcome = 0, -EINVAL);
	REFUSED(session->outcome = HV_LOGOFF_UNTOLD + 1, -EINVAL);
	REFUSED(session->outcome = HV_LOGOFF_FAILED, -EINVAL);
	REFUSED((session->outcome = HV_LOGOFF_FAILED, session->kind = 0), -EINVAL);
	REFUSED(session->kind = HV_LOGOFF_EXTERNAL + 1, -EINVAL);
	REFUSED(session->reserved = 1, -EINVAL);
	REFUSED(memset(session->user, 'x', sizeof(session->user)), -EINVAL);
	REFUSED(session->user[sizeof(session->user) - 1] = 'x', -EINVAL);
	REFUSED(memset(session->session, 'x', sizeof(session->session)), -EINVAL);
	REFUSED(session->session[sizeof(session->session) - 1] = 'x', -EINVAL);
	REFUSED(session->header.id = ID, -ESTALE);
#undef REFUSED
	/* The rejected records have not reached the host. */
	host_receives_nothing(test);
	KUNIT_EXPECT_EQ(test, write_bytes(test, opened, a_session(test), sizeof(*session)),
			sizeof(*session));
	host_receives_session(test, 0, 1000, 0);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.session.kind, HV_LOGOFF_FORCED);
	KUNIT_EXPECT_STREQ(test, fixture->tx.packet.body.session.user, "anna");
	KUNIT_EXPECT_STREQ(test, fixture->tx.packet.body.session.session, "c3");
	close_device(test, opened);
}

/* A record, and fields that a later version has appended. */
union longer {
	struct hv_logoff_header header;
	u8 bytes[HV_LOGOFF_RECORD_MAX];
};

/* Writes a copy of @record that has @size bytes, of which the last is @last. */
static ssize_t write_longer(struct kunit *test, struct opened *opened, const void *record,
			    size_t known, size_t size, u8 last)
{
	union longer *longer = kunit_kzalloc(test, sizeof(*longer), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, longer);
	memcpy(longer->bytes, record, min(known, size));
	longer->header.size = size;
	if (size > known)
		longer->bytes[size - 1] = last;
	return write_bytes(test, opened, longer, size);
}

/* A later daemon falls back to what the driver accepts. */
static void hello_of_a_later_version(struct kunit *test)
{
	struct opened *opened = open_device(test, O_NONBLOCK);
	struct hv_logoff_hello later = hello, answer;

	later.version = HV_LOGOFF_VERSION + 1;
	later.capabilities = ~0ULL;
	KUNIT_EXPECT_EQ(test, write_longer(test, opened, &later, 32, 40, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, write_longer(test, opened, &later, 32, HV_LOGOFF_RECORD_MAX, 1),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, read_bytes(test, opened, &answer, sizeof(answer)), -EPROTO);
	KUNIT_EXPECT_EQ(test, write_longer(test, opened, &later, 32, HV_LOGOFF_RECORD_MAX, 0),
			HV_LOGOFF_RECORD_MAX);
	KUNIT_EXPECT_EQ(test, read_bytes(test, opened, &answer, 31), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, read_bytes(test, opened, &answer, sizeof(answer)), sizeof(answer));
	KUNIT_EXPECT_EQ(test, answer.header.size, sizeof(answer));
	KUNIT_EXPECT_EQ(test, answer.version, HV_LOGOFF_VERSION);
	KUNIT_EXPECT_EQ(test, answer.capabilities,
			HV_LOGOFF_CAN_INCLUDE_LINGERING | HV_LOGOFF_CAN_NO_LOGINS);
	close_device(test, opened);
}

static struct opened *open_with_version(struct kunit *test, u32 version)
{
	struct opened *opened = open_device(test, O_NONBLOCK);
	struct hv_logoff_hello mine = hello;

	mine.header.size = HV_LOGOFF_HELLO_SIZE_1_0;
	mine.version = version;
	KUNIT_ASSERT_EQ(test, write_bytes(test, opened, &mine, mine.header.size),
			HV_LOGOFF_HELLO_SIZE_1_0);
	KUNIT_ASSERT_EQ(test, read_bytes(test, opened, &mine, sizeof(mine)),
			HV_LOGOFF_HELLO_SIZE_1_0);
	KUNIT_EXPECT_EQ(test, mine.version, version);
	return opened;
}

static void request_is_read(struct kunit *test, struct opened *opened)
{
	static struct hv_logoff_request request;

	host_requests_logoff(test);
	KUNIT_ASSERT_EQ(test, read_bytes(test, opened, &request, sizeof(request)),
			sizeof(request));
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
}

static void reports_grow_since_1_2(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct opened *opened = open_and_handshake(test);
	static const size_t sizes[] = { 296, 300, 304, 305, 352, 353, HV_LOGOFF_RECORD_MAX };
	unsigned int i;

	request_is_read(test, opened);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		KUNIT_EXPECT_EQ(test, write_longer(test, opened, a_report(test), 304, sizes[i], 0),
				(ssize_t)sizes[i]);
		host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
		if (sizes[i] > 304)
			KUNIT_EXPECT_EQ(test, write_longer(test, opened, a_report(test), 304,
							   sizes[i], 1), -EINVAL);
	}
	KUNIT_EXPECT_EQ(test, write_longer(test, opened, a_report(test), 304, 295, 0), -EINVAL);
	fixture->report.header.size = sizeof(fixture->report) - 1;
	KUNIT_EXPECT_EQ(test, write_bytes(test, opened, &fixture->report, sizeof(fixture->report)),
			-EINVAL);
	host_receives_nothing(test);
	close_device(test, opened);
}

static void replayed_result_reaches_the_host(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct hv_logoff_report *report = &fixture->report;
	struct opened *opened = open_and_handshake(test);

	request_is_read(test, opened);
	a_report(test);
	report->flags = HV_LOGOFF_REPLAYED;
	KUNIT_EXPECT_EQ(test, write_bytes(test, opened, report, sizeof(*report)), -EINVAL);
	report->state = HV_LOGOFF_DONE;
	report->flags |= HV_LOGOFF_DECLINED;
	KUNIT_EXPECT_EQ(test, write_bytes(test, opened, report, sizeof(*report)), -EINVAL);
	report->flags = HV_LOGOFF_REPLAYED;
	report->reserved = 1;
	KUNIT_EXPECT_EQ(test, write_bytes(test, opened, report, sizeof(*report)), -EINVAL);
	report->reserved = 0;
	KUNIT_EXPECT_EQ(test, write_bytes(test, opened, report, sizeof(*report)),
			sizeof(*report));
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.op.flags, HVL_REPLAY);
	close_device(test, opened);
}

/* The flag belongs to one request. */
static void result_is_not_replayed(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct opened *opened;

	replayed_result_reaches_the_host(test);
	opened = open_and_handshake(test);
	host_sends(test, HVL_OP_LOGOFF, OTHER_ID);
	daemon_reads(test, HV_LOGOFF_REQUEST, OTHER_ID);
	host_receives(test, HVL_OP_PROGRESS, OTHER_ID, HV_LOGOFF_S_OK);
	a_report(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, OTHER_ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	host_receives(test, HVL_OP_COMPLETE, OTHER_ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.op.flags, 0);
	close_device(test, opened);
}

static void only_what_was_not_started_is_declined(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct hv_logoff_report *report = &fixture->report;
	struct opened *opened = open_and_handshake(test);

	request_is_read(test, opened);
#define REFUSED(change) do { \
		a_report(test); \
		report->state = HV_LOGOFF_DONE; \
		report->found = 0; \
		report->result = HV_LOGOFF_E_BUSY; \
		report->flags = HV_LOGOFF_DECLINED; \
		change; \
		KUNIT_EXPECT_EQ(test, write_bytes(test, opened, report, sizeof(*report)), \
				-EINVAL); \
	} while (0)
	REFUSED(report->result = HV_LOGOFF_S_OK);
	REFUSED(report->found = 1);
	REFUSED((report->state = HV_LOGOFF_GRACE, report->result = 0));
	REFUSED(report->flags <<= 1);
	REFUSED(report->flags |= 4);
	REFUSED(report->reserved = 1);
#undef REFUSED
	host_receives_nothing(test);
	report->reserved = 0;
	KUNIT_EXPECT_EQ(test, write_bytes(test, opened, report, sizeof(*report)),
			sizeof(*report));
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_BUSY);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.op.flags, 0);
	close_device(test, opened);
}

static void daemon_of_1_1_writes_the_first_sizes(struct kunit *test)
{
	struct opened *opened = open_with_version(test, HV_LOGOFF_VERSION_1_1);

	request_is_read(test, opened);
	KUNIT_EXPECT_EQ(test, write_longer(test, opened, a_report(test), 304, 304, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, write_longer(test, opened, a_report(test), 304, 296, 0), 296);
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, write_longer(test, opened, a_session(test), 352, 360, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, write_longer(test, opened, a_session(test), 352, 352, 0), 352);
	close_device(test, opened);
}

static void outcomes_of_users_need_1_2(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct hv_logoff_session *session = &fixture->session;
	struct opened *opened = open_with_version(test, HV_LOGOFF_VERSION_1_1);
	u32 outcome;

	request_is_read(test, opened);
	for (outcome = HV_LOGOFF_MANAGER_ENDED; outcome <= HV_LOGOFF_UNTOLD; outcome++) {
		a_session(test);
		session->header.id = ID;
		session->outcome = outcome;
		session->kind = 0;
		memset(session->session, 0, sizeof(session->session));
		KUNIT_EXPECT_EQ(test, write_bytes(test, opened, session, sizeof(*session)),
				-EINVAL);
	}
	close_device(test, opened);
}

static void outcomes_of_users_are_checked(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct hv_logoff_session *session = &fixture->session;
	struct opened *opened = open_and_handshake(test);
	u32 outcome;

	request_is_read(test, opened);
	for (outcome = HV_LOGOFF_MANAGER_ENDED; outcome <= HV_LOGOFF_UNTOLD; outcome++) {
		bool returned = outcome == HV_LOGOFF_RETURNED;

		a_session(test);
		session->header.id = ID;
		session->outcome = outcome;
		KUNIT_EXPECT_EQ(test, write_bytes(test, opened, session, sizeof(*session)),
				-EINVAL);
		session->kind = 0;
		/* It has a session. */
		KUNIT_EXPECT_EQ(test, write_bytes(test, opened, session, sizeof(*session)),
				returned ? (ssize_t)sizeof(*session) : -EINVAL);
		memset(session->session, 0, sizeof(session->session));
		session->header.id = 0;
		KUNIT_EXPECT_EQ(test, write_bytes(test, opened, session, sizeof(*session)),
				-EINVAL);
		session->header.id = ID;
		if (!returned)
			KUNIT_EXPECT_EQ(test, write_bytes(test, opened, session, sizeof(*session)),
					sizeof(*session));
		host_receives_session(test, ID, 1000, 0);
	}
	host_receives_nothing(test);
	close_device(test, opened);
}

static void daemon_of_1_0_may_not_report_sessions(struct kunit *test)
{
	struct opened *opened = open_with_version(test, HV_LOGOFF_VERSION_1_0);

	KUNIT_EXPECT_EQ(test, write_bytes(test, opened, a_session(test),
					  sizeof(struct hv_logoff_session)), -EINVAL);
	close_device(test, opened);
}

static struct kunit_case chardev_cases[] = {
	KUNIT_CASE(one_opener_at_a_time),
	KUNIT_CASE(second_component_gets_the_device_when_the_first_is_gone),
	KUNIT_CASE(component_without_the_device_can_be_unregistered),
	KUNIT_CASE(open_file_stays_valid_without_the_offer),
	KUNIT_CASE(nothing_works_before_the_handshake),
	KUNIT_CASE(hello_versions_must_overlap),
	KUNIT_CASE(records_are_read_whole),
	KUNIT_CASE(targets_are_read_whole),
	KUNIT_CASE(records_are_written_whole),
	KUNIT_CASE(reports_are_checked),
	KUNIT_CASE(sessions_are_checked),
	KUNIT_CASE(hello_of_a_later_version),
	KUNIT_CASE(reports_grow_since_1_2),
	KUNIT_CASE(replayed_result_reaches_the_host),
	KUNIT_CASE(result_is_not_replayed),
	KUNIT_CASE(only_what_was_not_started_is_declined),
	KUNIT_CASE(daemon_of_1_1_writes_the_first_sizes),
	KUNIT_CASE(outcomes_of_users_need_1_2),
	KUNIT_CASE(outcomes_of_users_are_checked),
	KUNIT_CASE(daemon_of_1_0_may_not_report_sessions),
	{}
};

static struct kunit_suite chardev_suite = {
	.name = "hv_logoff_chardev",
	.init = chardev_init,
	.exit = chardev_exit,
	.test_cases = chardev_cases,
};

kunit_test_suite(chardev_suite);

MODULE_DESCRIPTION("KUnit suites of hv_logoff");
MODULE_AUTHOR("The hv-logoff developers");
MODULE_LICENSE("GPL");
