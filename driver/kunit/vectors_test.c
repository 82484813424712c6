// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vectors that the driver and the daemon's sockets have in common.
 */
#include "fixture.h"
#include "vectors.h"

/* Reads what is for the daemon, as it does before it reports anything. */
static void daemon_reads_all(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	while (!hvl_daemon_peek(fixture->core, &fixture->record))
		hvl_daemon_consume(fixture->core, &fixture->record);
}

static void daemon_reports_step(struct kunit *test, const struct vector_step *step)
{
	struct fixture *fixture = test->priv;

	fixture->report.percent = step->percent;
	KUNIT_EXPECT_EQ(test, daemon_reports(test, step->id, step->state, step->result), 0);
}

static void daemon_reports_outcome(struct kunit *test, const struct vector_step *step)
{
	struct fixture *fixture = test->priv;
	const struct hv_logoff_session session = {
		.header.id = step->id,
		.outcome = step->outcome,
		.uid = VECTOR_UID,
		.user = "anna",
		.session = "c3",
	};

	KUNIT_EXPECT_EQ(test, hvl_daemon_session(fixture->core, &session), 0);
}

static void host_sends_step(struct kunit *test, const struct vector_step *step)
{
	struct fixture *fixture = test->priv;

	vector_build(step, &fixture->rx.packet);
	hvl_host_receive(fixture->core, &fixture->rx, hvl_packet_size(&fixture->rx.packet));
	daemon_reads_all(test);
}

static void host_receives_step(struct kunit *test, const struct vector *vector,
			       const struct vector_step *step)
{
	struct fixture *fixture = test->priv;
	const char *mismatch;

	KUNIT_ASSERT_TRUE_MSG(test, hvl_host_transmit(fixture->core, &fixture->tx),
			      "%s, step %zd: no message", vector->name, step - vector->steps);
	mismatch = vector_mismatch(step, &fixture->tx.packet);
	KUNIT_ASSERT_NULL_MSG(test, mismatch, "%s, step %zd: %s", vector->name,
			      step - vector->steps, mismatch);
}

static void run_step(struct kunit *test, const struct vector *vector,
		     const struct vector_step *step)
{
	switch (step->action) {
	case VECTOR_NEGOTIATE:
	case VECTOR_DELIVER:
		host_sends_step(test, step);
		host_receives_step(test, vector, step);
		break;
	case VECTOR_SEND:
		host_sends_step(test, step);
		break;
	case VECTOR_NOTHING:
		host_receives_nothing(test);
		break;
	case VECTOR_REPORT:
		daemon_reports_step(test, step);
		break;
	case VECTOR_OUTCOME:
		daemon_reports_outcome(test, step);
		break;
	default:
		host_receives_step(test, vector, step);
	}
}

static void vector_is_followed(struct kunit *test)
{
	const struct vector *vector = test->param_value;
	const struct vector_step *step;
	unsigned int i;

	daemon_attaches(test);
	for (step = vector->steps; step->action != VECTOR_END; step++)
		for (i = 0; i <= step->count; i++)
			run_step(test, vector, step);
}

static void describe(const struct vector *vector, char *description)
{
	strscpy(description, vector->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(vectors, vectors, describe);

static struct kunit_case vectors_cases[] = {
	KUNIT_CASE_PARAM(vector_is_followed, vectors_gen_params),
	{}
};

static struct kunit_suite vectors_suite = {
	.name = "hv_logoff_vectors",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = vectors_cases,
};

kunit_test_suite(vectors_suite);
