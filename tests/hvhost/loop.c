// SPDX-License-Identifier: GPL-2.0-or-later
#include "loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include "util.h"

int loop_init(struct loop *loop)
{
	struct epoll_event wake = {.events = EPOLLIN};

	loop->stopped = false;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->epoll < 0 || loop->wake < 0 ||
	    epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake, &wake) < 0)
		return -errno;
	return 0;
}

void loop_done(struct loop *loop)
{
	closep(&loop->epoll);
	closep(&loop->wake);
}

int loop_run(struct loop *loop, pthread_mutex_t *lock)
{
	/* One event per iteration: a callback may remove any other source. */
	for (;;) {
		struct epoll_event event;
		int count = epoll_wait(loop->epoll, &event, 1, -1);

		if (count < 0 && errno != EINTR)
			return -errno;
		pthread_mutex_lock(lock);
		if (loop->stopped) {
			eventfd_t wakes;

			eventfd_read(loop->wake, &wakes);
			loop->stopped = false;
			pthread_mutex_unlock(lock);
			return 0;
		}
		if (count == 1 && event.data.ptr) {
			struct source *source = event.data.ptr;

			source->ready(source, event.events);
		}
		pthread_mutex_unlock(lock);
	}
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
	eventfd_write(loop->wake, 1);
}

int loop_add(struct loop *loop, struct source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, source->fd, &event) < 0 ? -errno : 0;
}

void loop_change(struct loop *loop, struct source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	epoll_ctl(loop->epoll, EPOLL_CTL_MOD, source->fd, &event);
}

void loop_remove(struct loop *loop, struct source *source)
{
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
}

static void timer_ready(struct source *source, uint32_t events)
{
	struct timer *timer = container_of(source, struct timer, source);
	uint64_t count;

	(void)events;
	/* The read fails if the timer was set again after it expired. */
	if (read(source->fd, &count, sizeof(count)) == sizeof(count))
		timer->expired(timer);
}

int timer_init(struct loop *loop, struct timer *timer, void (*expired)(struct timer *timer))
{
	timer->expired = expired;
	timer->source.ready = timer_ready;
	timer->source.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (timer->source.fd < 0)
		return -errno;
	return loop_add(loop, &timer->source, EPOLLIN);
}

static struct timespec ms_to_timespec(uint64_t ms)
{
	return (struct timespec){.tv_sec = (time_t)(ms / 1000),
				 .tv_nsec = (long)(ms % 1000) * 1000000};
}

void timer_set(struct timer *timer, uint64_t ms, uint64_t period)
{
	struct itimerspec when = {
		.it_value = ms_to_timespec(ms),
		.it_interval = ms_to_timespec(period),
	};

	timerfd_settime(timer->source.fd, 0, &when, NULL);
}

void timer_set_deadline(struct timer *timer, uint64_t deadline_us)
{
	uint64_t now = now_us();

	if (deadline_us == UINT64_MAX)
		timer_set(timer, 0, 0);
	else
		timer_set(timer, deadline_us > now ? (deadline_us - now) / 1000 + 1 : 1, 0);
}

void timer_done(struct loop *loop, struct timer *timer)
{
	if (timer->source.fd < 0)
		return;
	loop_remove(loop, &timer->source);
	closep(&timer->source.fd);
}
