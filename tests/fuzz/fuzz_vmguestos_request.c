// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A logoff over a stream in libvmguestos, whose guest and clock the input plays. Each event is a
 * byte and what it needs:
 *
 * 0: the next byte is a number N, and the N bytes after it are read from the stream
 * 1: the guest answers what was sent: a negotiation, or a report with the next byte as its state
 * 2: the stream ends; the next byte is the error
 * 3: the next byte is a number of seconds that pass; 0: until the request wants to be called
 * 4: the logoff is cancelled
 * 5: what was queued is written
 */
#include "fuzz.h"
#include "userspace/host/libvmguestos/transport/vsock_request.h"

#define ID 0x1122334455667788ULL

static struct vsock_request request;
static int64_t now;
static const uint8_t *next;
static size_t left;

static void take_session(void *userdata, const VMSessionResult *session)
{
	must(!userdata && !request.report.complete);
	must(session->outcome >= HV_LOGOFF_ENDED && session->outcome <= HV_LOGOFF_UNTOLD);
	must(strlen(session->user) < HV_LOGOFF_USER_SIZE &&
	     strlen(session->session) < HV_LOGOFF_SESSION_SIZE);
}

static uint8_t take(void)
{
	if (!left)
		return 0;
	left--;
	return *next++;
}

/* The host's messages are valid, and the LOGOFF is sent only to a guest that may not have it. */
static void check_output(void)
{
	struct hvl_packet packet;
	size_t at = 0;

	while (at < request.link.queued) {
		size_t size = request.link.queued - at;

		memset(&packet, 0, sizeof(packet));
		memcpy(&packet, request.link.output + at,
		       size < sizeof(packet) ? size : sizeof(packet));
		must(hvl_packet_check(&packet, size));
		if (packet.header.type == HVL_MSGTYPE_LOGOFF) {
			must(hvl_check_request(&packet, request.link.version) == HV_LOGOFF_S_OK);
			must(packet.body.op.id == ID && request.sent);
		}
		at += hvl_packet_size(&packet);
	}
	must(at == request.link.queued);
}

static void end_stream(HRESULT error)
{
	vsock_request_disconnected(&request, error, "It ended.", now);
	must(!request.connected);
	must(request.sent || request.report.complete);
}

static void feed(const void *bytes, size_t size)
{
	void *copy = size ? exact_copy(bytes, size) : NULL;

	if (copy && request.connected && !vsock_request_receive(&request, copy, size, now))
		end_stream(DISP_E_EXCEPTION);
	free(copy);
}

static void feed_next(void)
{
	size_t size = take();

	size = size < left ? size : left;
	feed(next, size);
	next += size;
	left -= size;
}

static void answer(uint8_t kind)
{
	struct hvl_version framework, version;
	struct hvl_packet asked, packet;

	if (!request.link.version.major) {
		hvl_build_negotiate(&asked, 1, hvl_message_versions, 3);
		hvl_answer_negotiate(&asked, &packet, hvl_message_versions + kind % 3, 3 - kind % 3,
				     &framework, &version);
	} else {
		hvl_packet_init(&packet, HVL_MSGTYPE_LOGOFF, sizeof(struct hvl_report),
				request.link.transaction, 0);
		packet.body.report.header.op = kind % 8;
		packet.body.report.header.id = ID;
		packet.body.report.state = kind / 8 % 8;
		packet.header.status = kind & 64 ? HV_LOGOFF_E_NOT_FOUND : 0;
	}
	feed(&packet, hvl_packet_size(&packet));
}

static void connect_guest(void)
{
	if (!vsock_request_connects(&request, now))
		return;
	vsock_request_connected(&request, now);
	must(request.connected && request.link.queued > 0);
}

static void pass(uint8_t seconds)
{
	int64_t wanted = vsock_request_next(&request);

	if (seconds > 0 || wanted < now)
		now += seconds * 1000LL;
	else
		now = wanted;
}

static void play(void)
{
	static const HRESULT errors[] = {DISP_E_EXCEPTION, VM_E_VM_NOT_RUNNING, VM_E_TIMED_OUT};

	switch (take() % 6) {
	case 0:
		feed_next();
		break;
	case 1:
		answer(take());
		break;
	case 2:
		end_stream(errors[take() % 3]);
		break;
	case 3:
		pass(take());
		if (!vsock_request_tick(&request, now))
			end_stream(VM_E_TIMED_OUT);
		break;
	case 4:
		vsock_request_cancel(&request);
		break;
	default:
		vsock_link_sent(&request.link, request.link.queued);
		break;
	}
}

static void must_be_report(bool was_complete, HRESULT error)
{
	const struct report *report = &request.report;

	must(report->text == request.text && strlen(report->text) < sizeof(request.text));
	must(report->state <= vmLogoffState_Done && report->percent <= 100);
	must(report->complete == (report->state == vmLogoffState_Done));
	must(!was_complete || (report->complete && report->error == error));
	must(request.sent || !request.accepted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t flags = size ? data[0] : 0;
	const VMLogoffOptions options = {
		.size = sizeof(options),
		.timeout = 60,
		.user = flags & 128 ? "anna" : NULL,
		.flags = flags & (VM_LOGOFF_FORCE | VM_LOGOFF_DRY_RUN | VM_LOGOFF_NO_LOGINS),
	};

	next = data;
	left = size;
	take();
	now = 1000;
	vsock_request_init(&request, ID, &options, take_session, NULL);
	while (left > 0 && !request.report.complete) {
		connect_guest();
		play();
		must_be_report(false, S_OK);
		check_output();
	}
	return 0;
}
