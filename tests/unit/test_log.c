// SPDX-License-Identifier: GPL-2.0-or-later
/* Log messages with text that the host or a user has chosen. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"
#include "userspace/guest/log.h"

static char output[256];

/* Logs @text and returns what is on standard error. */
static const char *log_text(const char *text, bool journal)
{
	int saved = dup(STDERR_FILENO);
	FILE *file = tmpfile();
	char stream[64];
	struct stat status;
	size_t size;

	assert_true(saved >= 0 && file);
	assert_int_equal(fstat(fileno(file), &status), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
		 (unsigned long long)status.st_ino);
	setenv("JOURNAL_STREAM", journal ? stream : "0:0", 1);
	dup2(fileno(file), STDERR_FILENO);
	log_message(LOG_WARNING, "User %s.", text);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	size = fread(output, 1, sizeof(output) - 1, file);
	output[size] = '\0';
	fclose(file);
	return output;
}

static void test_message_is_one_line(void **state)
{
	assert_string_equal(log_text("x\n<0>forged\x1b[2J", true), "<4>User x <0>forged?[2J.\n");
	assert_string_equal(log_text("x\n\ty", false), "test_log: User x  y.\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message_is_one_line),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
