// SPDX-License-Identifier: GPL-2.0-or-later
#include "wait.h"

#include <string.h>

#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"

#define TIMEOUT_DEFAULT 60

struct wait {
	LIST_ENTRY(wait) entry;
	uint64_t client;
	uint64_t deadline_us;
	const struct ic *ic;
	bool (*reached)(const struct wait *wait);
	unsigned int closings; /* of the channel, when the wait began */
};

static bool is_offered(const struct wait *wait)
{
	enum channel_state state = wait->ic->channel.state;

	return state == CHANNEL_OFFERED || state == CHANNEL_OPEN;
}

static bool is_open(const struct wait *wait)
{
	return wait->ic->channel.state == CHANNEL_OPEN;
}

/* Between two checks, the guest can close the channel and open it again. */
static bool is_closed(const struct wait *wait)
{
	return !is_open(wait) || wait->ic->channel.closings != wait->closings;
}

static bool is_negotiated(const struct wait *wait)
{
	return wait->ic->negotiated;
}

static const struct {
	const char *name;
	bool (*reached)(const struct wait *wait);
} conditions[] = {
	{"offered", is_offered},
	{"open", is_open},
	{"closed", is_closed},
	{"negotiated", is_negotiated},
};

static void drop(struct wait *wait)
{
	LIST_REMOVE(wait, entry);
	free(wait);
}

void waits_check(struct waits *waits)
{
	struct control *control = &waits->vm->control;
	struct wait *wait = LIST_FIRST(&waits->list);
	uint64_t now = now_us(), first = UINT64_MAX;

	while (wait) {
		struct wait *next = LIST_NEXT(wait, entry);

		if (wait->reached(wait)) {
			control_ok(control, wait->client);
			drop(wait);
		} else if (wait->deadline_us <= now) {
			control_fail(control, wait->client, HV_LOGOFF_E_TIMED_OUT,
				     "The component did not reach that state in time.");
			drop(wait);
		} else {
			first = MIN(first, wait->deadline_us);
		}
		wait = next;
	}
	timer_set_deadline(&waits->timer, first);
}

static void expired(struct timer *timer)
{
	waits_check(container_of(timer, struct waits, timer));
}

int waits_init(struct waits *waits, struct vm *vm)
{
	waits->vm = vm;
	LIST_INIT(&waits->list);
	return timer_init(&vm->loop, &waits->timer, expired);
}

void waits_done(struct waits *waits)
{
	struct wait *wait;

	while ((wait = LIST_FIRST(&waits->list)))
		drop(wait);
}

static struct wait *parse(struct vm *vm, const json_t *request)
{
	const char *component = json_string_value(json_object_get(request, "component"));
	const char *condition = json_string_value(json_object_get(request, "for"));
	const json_t *timeout = json_object_get(request, "timeout");
	const struct ic *ic = component ? ic_by_name(vm, component) : NULL;
	struct wait *wait;

	for (size_t i = 0; ic && condition && i < ARRAY_SIZE(conditions); i++) {
		if (strcmp(conditions[i].name, condition) != 0)
			continue;
		wait = calloc(1, sizeof(*wait));
		if (!wait)
			return NULL;
		wait->ic = ic;
		wait->reached = conditions[i].reached;
		wait->closings = ic->channel.closings;
		wait->deadline_us =
			now_us() + 1000000ULL * (uint64_t)(timeout ? json_number_value(timeout)
								   : TIMEOUT_DEFAULT);
		return wait;
	}
	return NULL;
}

void wait_command(struct vm *vm, uint64_t client, const json_t *request)
{
	struct wait *wait = parse(vm, request);

	if (!wait) {
		control_fail(&vm->control, client, HV_LOGOFF_E_INVALIDARG,
			     "\"wait\" needs \"component\" (shutdown, heartbeat, timesync, kvp or "
			     "logoff) and \"for\" (offered, open, closed or negotiated).");
		return;
	}
	wait->client = client;
	LIST_INSERT_HEAD(&vm->control.waits.list, wait, entry);
	waits_check(&vm->control.waits);
}
