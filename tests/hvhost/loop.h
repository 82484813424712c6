/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The event loop: one thread waits in epoll for all file descriptors and timers. */
#ifndef HVHOST_LOOP_H
#define HVHOST_LOOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct loop {
	int epoll;
	int wake; /* eventfd: loop_stop() may be called from another thread */
	bool stopped;
};

struct source {
	int fd;
	void (*ready)(struct source *source, uint32_t events);
};

struct timer {
	struct source source;
	void (*expired)(struct timer *timer);
};

int loop_init(struct loop *loop);
void loop_done(struct loop *loop);
/* Runs callbacks with @lock held. Returns after loop_stop(); may be called again. */
int loop_run(struct loop *loop, pthread_mutex_t *lock);
void loop_stop(struct loop *loop);

int loop_add(struct loop *loop, struct source *source, uint32_t events);
void loop_change(struct loop *loop, struct source *source, uint32_t events);
void loop_remove(struct loop *loop, struct source *source);

int timer_init(struct loop *loop, struct timer *timer, void (*expired)(struct timer *timer));
/* Expires in @ms milliseconds (0: disarm), then every @period milliseconds unless that is 0. */
void timer_set(struct timer *timer, uint64_t ms, uint64_t period);
/* Expires once now_us() reaches @deadline_us; UINT64_MAX: disarm. */
void timer_set_deadline(struct timer *timer, uint64_t deadline_us);
void timer_done(struct loop *loop, struct timer *timer);

#endif /* HVHOST_LOOP_H */
