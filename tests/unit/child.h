/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef UNIT_CHILD_H
#define UNIT_CHILD_H

#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "unit.h"

/* A child that calls @prepare and then waits for signals. Returns once @prepare has succeeded. */
static inline pid_t start_child(bool (*prepare)(void *data), void *data)
{
	int ready[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (!prepare(data) || write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

#endif /* UNIT_CHILD_H */
