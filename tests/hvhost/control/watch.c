// SPDX-License-Identifier: GPL-2.0-or-later
#include "watch.h"

#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"
#include "userspace/host/libvmguestos/hresult.h"
#include "userspace/host/libvmguestos/vmguestos.h"

struct watcher {
	LIST_ENTRY(watcher) entry;
	uint64_t client;
};

static void drop(struct watcher *watcher)
{
	LIST_REMOVE(watcher, entry);
	free(watcher);
}

void watches_init(struct watches *watches, struct vm *vm)
{
	watches->vm = vm;
	LIST_INIT(&watches->list);
}

void watches_done(struct watches *watches)
{
	struct watcher *watcher;

	while ((watcher = LIST_FIRST(&watches->list)))
		drop(watcher);
	json_decref(watches->component);
}

void watches_notify(struct watches *watches, json_t *event)
{
	struct control *control = &watches->vm->control;
	struct watcher *watcher = LIST_FIRST(&watches->list);

	while (watcher) {
		struct watcher *next = LIST_NEXT(watcher, entry);

		if (control_has_client(control, watcher->client))
			control_event(control, watcher->client, json_incref(event));
		else
			drop(watcher);
		watcher = next;
	}
}

void watches_check(struct watches *watches)
{
	const struct ic *ic = &watches->vm->logoff.ic;
	json_t *component = json_pack("{s:s, s:b, s:n}", "event", "component", "negotiated",
				      ic->negotiated, "version");

	if (ic->negotiated)
		json_object_set_new(component, "version",
				    json_sprintf("%u.%u", ic->message.major, ic->message.minor));
	if (!json_equal(component, watches->component))
		watches_notify(watches, component);
	json_decref(watches->component);
	watches->component = component;
}

void watch_command(struct vm *vm, uint64_t client, const json_t *request)
{
	struct watches *watches = &vm->control.watches;
	struct watcher *watcher;

	(void)request;
	watches_check(watches);
	watcher = calloc(1, sizeof(*watcher));
	if (!watcher) {
		control_fail_no_memory(&vm->control, client);
		return;
	}
	watcher->client = client;
	LIST_INSERT_HEAD(&watches->list, watcher, entry);
	control_event(&vm->control, client, json_pack("{s:s}", "event", "watching"));
}
