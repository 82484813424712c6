/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A component with a host and a daemon that the suites emulate.
 */
#ifndef HV_LOGOFF_KUNIT_FIXTURE_H
#define HV_LOGOFF_KUNIT_FIXTURE_H

#include <kunit/test.h>

#include "../core.h"

#define ID		0x1122334455667788ULL
#define OTHER_ID	0x99ULL
#define TIMEOUT		60
#define GRACE		20

/**
 * struct fixture - one component
 * @core: the component under test
 * @kicks: number of calls of the core's kick
 * @tx: the last message that the host received
 * @rx: the message that the host sends
 * @record: the record that the daemon read last
 * @report: the report that the daemon writes
 * @session: the session record that the daemon writes
 */
struct fixture {
	struct hvl_core *core;
	unsigned int kicks;
	struct hvl_message tx;
	struct hvl_message rx;
	union hvl_record record;
	struct hv_logoff_report report;
	struct hv_logoff_session session;
};

int fixture_init(struct kunit *test);
void fixture_exit(struct kunit *test);

/* The host. */
void host_negotiates(struct kunit *test);
void host_negotiates_version(struct kunit *test, struct hvl_version version);
void host_builds(struct kunit *test, enum hvl_op op, u64 id);
void host_sends(struct kunit *test, enum hvl_op op, u64 id);
void host_receives_nothing(struct kunit *test);
void host_receives(struct kunit *test, enum hvl_op op, u64 id, u32 status);
void host_receives_refusal(struct kunit *test, u32 status);
void host_receives_version(struct kunit *test, struct hvl_version version);
void host_receives_session(struct kunit *test, u64 id, u32 uid, u32 lost);

/* The daemon. */
void daemon_attaches(struct kunit *test);
void daemon_attaches_without_capabilities(struct kunit *test);
void old_daemon_attaches(struct kunit *test, u32 version);
void daemon_detaches(struct kunit *test);
void daemon_reads(struct kunit *test, u32 type, u64 id);
void daemon_reads_nothing(struct kunit *test);
int daemon_reports(struct kunit *test, u64 id, u32 state, u32 result);
int daemon_reports_session(struct kunit *test, u64 id, u32 uid);
int daemon_reports_user(struct kunit *test, u64 id, u32 outcome, u32 uid);

/* Attaches a daemon and completes the host's negotiation. */
void both_are_ready(struct kunit *test);

/* Sends a request, lets the daemon read it, and receives the progress. */
void request_is_delivered(struct kunit *test);

/* Moves @when, one of the request's times, to @seconds ago, and runs the timer. */
void time_passes(struct kunit *test, unsigned long *when, unsigned int seconds);

#endif /* HV_LOGOFF_KUNIT_FIXTURE_H */
