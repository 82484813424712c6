// SPDX-License-Identifier: GPL-2.0-or-later
/* Sessions that logind is opening, with files like those of logind in a mount namespace. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "events.h"
#include "unit.h"
#include "userspace/guest/system/opening.h"

#define SESSIONS "/run/systemd/sessions"

static sd_event *event;
static struct opening opening;
static unsigned int changes;

static void on_changed(void *userdata)
{
	changes++;
}

/* Only root may mount. The namespace is that of this program. */
static bool make_namespace(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
	       mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", "/run", "tmpfs", 0, "mode=755") == 0 &&
	       mkdir("/run/systemd", 0755) == 0 && mkdir(SESSIONS, 0755) == 0;
}

static int setup(void **state)
{
	static bool made;

	made = made || make_namespace();
	changes = 0;
	assert_true(sd_event_new(&event) >= 0);
	opening_init(&opening, event, on_changed, NULL);
	*state = made ? &made : NULL;
	return 0;
}

static int teardown(void **state)
{
	opening_done(&opening);
	event = sd_event_unref(event);
	return 0;
}

/* As logind does, so that a reader sees the old file or the new one. */
static void write_state(const char *id, const char *value)
{
	char path[128];
	FILE *file = fopen(SESSIONS "/.new", "we");

	assert_true(file && fprintf(file, "UID=1000\nSTATE=%s\n", value) > 0 && fclose(file) == 0);
	snprintf(path, sizeof(path), SESSIONS "/%s", id);
	assert_int_equal(rename(SESSIONS "/.new", path), 0);
}

static void test_opened(void **state)
{
	if (!*state)
		skip();
	write_state("c1", "opening");
	assert_true(opening_check(&opening, "c1"));
	run_events(event, 0);
	assert_int_equal(changes, 0);
	write_state("c1", "online");
	run_events(event, 0);
	assert_int_equal(changes, 1);
	assert_false(opening_check(&opening, "c1"));
	/* Nothing is watched any more. */
	write_state("c1", "closing");
	run_events(event, 0);
	assert_int_equal(changes, 1);
}

/* A change of any session is reported; what changed before the next check is not missed. */
static void test_two_sessions(void **state)
{
	if (!*state)
		skip();
	write_state("c1", "opening");
	write_state("c2", "opening");
	assert_true(opening_check(&opening, "c1"));
	write_state("c1", "active");
	assert_true(opening_check(&opening, "c2"));
	run_events(event, 0);
	assert_int_equal(changes, 1);
	assert_false(opening_check(&opening, "c1"));
	assert_true(opening_check(&opening, "c2"));
	assert_int_equal(unlink(SESSIONS "/c2"), 0);
	run_events(event, 0);
	assert_int_equal(changes, 2);
	assert_false(opening_check(&opening, "c2"));
}

static void test_other_sessions(void **state)
{
	static const char *const states[] = {"online", "active", "closing", ""};

	for (size_t i = 0; *state && i < ARRAY_SIZE(states); i++) {
		write_state("c1", states[i]);
		assert_false(opening_check(&opening, "c1"));
	}
	assert_false(opening_check(&opening, "hvlgone"));
	assert_false(opening_check(&opening, "../c1"));
	assert_null(opening.source);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_opened),
		TEST(test_two_sessions),
		TEST(test_other_sessions),
	};

	return cmocka_run_group_tests_name("opening", tests, NULL, NULL);
}
