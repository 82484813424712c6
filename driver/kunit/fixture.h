/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A component between a host and a daemon that the suites play.
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
 * @core: under test
 * @kicks: how often the core said that it has something to transmit
 * @tx: what the host got last
 * @rx: what the host sends
 * @record: what the daemon read last
 * @report: what the daemon writes
 * @session: what the daemon writes
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
void host_sends(struct kunit *test, enum hvl_op op, u64 id);
void host_hears_nothing(struct kunit *test);
void host_hears(struct kunit *test, enum hvl_op op, u64 id, u32 status);
void host_hears_refusal(struct kunit *test, u32 status);
void host_hears_version(struct kunit *test, struct hvl_version version);
void host_hears_session(struct kunit *test, u64 id, u32 uid, u32 lost);

/* The daemon. */
void daemon_arrives(struct kunit *test);
void old_daemon_arrives(struct kunit *test);
void daemon_leaves(struct kunit *test);
void daemon_reads(struct kunit *test, u32 type, u64 id);
void daemon_reads_nothing(struct kunit *test);
int daemon_reports(struct kunit *test, u64 id, u32 state, u32 result);

int daemon_tells_session(struct kunit *test, u64 id, u32 uid);

/* A daemon and a host that have nothing to ask each other yet. */
void both_are_ready(struct kunit *test);

/* A request that the daemon has read, and the host has heard so. */
void request_is_delivered(struct kunit *test);

/* Lets what is due at @when, one of the request's times, be due now. */
void time_passes(struct kunit *test, unsigned long *when, unsigned int seconds);

#endif /* HV_LOGOFF_KUNIT_FIXTURE_H */
