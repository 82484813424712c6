// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The stand-in with the machines of hvhost, which fake_hvhost.py plays: what is asked of WMI
 * reaches the control socket of the right machine, and its answer comes back unchanged.
 */
#include "tests/wmi/stand_in.h"
#include "tests/wmi/windows_unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/host/windows/com.h"
#include "userspace/host/windows/hyperv.h"

#define KEY "HvLogoffRequest"
#define ODD "<VALUE>&\"'\\ \\t\n\t\r \xe2\x82\xac \xf0\x9f\x98\x80</VALUE>"

static const struct wmi_wait bounded = {.ms = 60000};

static struct stand_in stand_in;
static struct wmi *wmi;

static void play(const WCHAR *generation)
{
	WCHAR behavior[64];

	_snwprintf(behavior, ARRAY_SIZE(behavior), L"hvhost=%hs generation=%ls",
		   getenv("HVHOST_BRIDGE"), generation);
	stand_in.reset(behavior);
}

static int connect_to_bridge(void **state)
{
	const struct wmi_target target = {.space = HYPERV_NAMESPACE};

	if (!getenv("HVHOST_BRIDGE"))
		return -1;
	play(L"2025");
	return wmi_connect(&wmi, &target, &bounded);
}

static int disconnect(void **state)
{
	wmi_free(wmi);
	return 0;
}

static struct hyperv_machine find(const char *name)
{
	struct hyperv_machine machine;

	assert_hresult(hyperv_find(wmi, name, true, &bounded, &machine), S_OK);
	return machine;
}

static void assert_item(const struct hyperv_machine *machine, enum hyperv_source source,
			const char *name, const char *data)
{
	struct hyperv_items items;
	const char *found;

	assert_hresult(hyperv_items(wmi, machine, source, &bounded, &items), S_OK);
	found = hyperv_item_data(&items, name);
	if (data) {
		assert_non_null(found);
		assert_string_equal(found, data);
	} else {
		assert_null(found);
	}
	hyperv_items_clear(&items);
}

static void machines(void **state)
{
	struct hyperv_machine web1 = find("web1");
	struct hyperv_machine db1 = find("{0d3a2b91-15a7-49c2-8b8c-1b7c2a8d0e21}");
	struct hyperv_machine none;
	struct hyperv_items items;

	assert_string_equal(web1.id, "5F0C6A52-8D6E-4F6B-9A55-6A1E4F9D2C11");
	assert_int_equal(web1.state, HYPERV_RUNNING);
	assert_string_equal(db1.name, "db1");
	assert_int_not_equal(db1.state, HYPERV_RUNNING);
	assert_hresult(hyperv_items(wmi, &db1, HYPERV_GUEST, &bounded, &items),
		       VM_E_VM_NOT_RUNNING);
	assert_hresult(hyperv_find(wmi, "old1", true, &bounded, &none), VM_E_VM_UNKNOWN);
	hyperv_machine_clear(&web1);
	hyperv_machine_clear(&db1);
}

static void items_of_a_guest(void **state)
{
	struct hyperv_machine machine = find("web1");

	assert_item(&machine, HYPERV_GUEST, "HvLogoffAnswer", "v=1 state=idle");
	assert_item(&machine, HYPERV_GUEST, "odd", ODD);
	assert_item(&machine, HYPERV_GUEST, "empty", "");
	assert_item(&machine, HYPERV_GUEST, "OSName", NULL);
	assert_item(&machine, HYPERV_INTRINSIC, "OSName", "Debian GNU/Linux");
	hyperv_machine_clear(&machine);
}

/* The stand-in answers Modify of a missing item as the generation does, and hvhost takes Add. */
static void assert_put_and_removed(void)
{
	struct hyperv_machine machine = find("web1");
	uint32_t error = 1;

	assert_item(&machine, HYPERV_HOST, KEY, NULL);
	assert_hresult(hyperv_put_item(wmi, &machine, KEY, "v=1", &bounded, &error), S_OK);
	assert_int_equal(error, 0);
	assert_item(&machine, HYPERV_HOST, KEY, "v=1");
	assert_hresult(hyperv_put_item(wmi, &machine, KEY, ODD, &bounded, &error), S_OK);
	assert_item(&machine, HYPERV_HOST, KEY, ODD);
	assert_hresult(hyperv_remove_item(wmi, &machine, KEY, &bounded, &error), S_OK);
	assert_item(&machine, HYPERV_HOST, KEY, NULL);
	assert_hresult(hyperv_remove_item(wmi, &machine, KEY, &bounded, &error), S_OK);
	hyperv_machine_clear(&machine);
}

static void items_of_the_host(void **state)
{
	static const WCHAR *const generations[] = {L"2012r2", L"2016", L"2025"};

	for (size_t index = 0; index < ARRAY_SIZE(generations); index++) {
		play(generations[index]);
		assert_put_and_removed();
	}
}

static void errors_of_the_host(void **state)
{
	struct hyperv_machine web1 = find("web1"), db1 = find("db1");
	uint32_t error = 0;

	assert_hresult(hyperv_put_item(wmi, &web1, "denied", "x", &bounded, &error),
		       E_ACCESSDENIED);
	assert_int_equal(error, 32769);
	assert_true(FAILED(hyperv_put_item(wmi, &db1, KEY, "x", &bounded, &error)));
	assert_int_equal(error, 32775);
	hyperv_machine_clear(&web1);
	hyperv_machine_clear(&db1);
}

#define HVHOST(name) cmocka_unit_test_setup_teardown(name, connect_to_bridge, disconnect)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HVHOST(machines),
		HVHOST(items_of_a_guest),
		HVHOST(items_of_the_host),
		HVHOST(errors_of_the_host),
	};
	int failed;

	if (!stand_in_load(&stand_in))
		return 1;
	failed = cmocka_run_group_tests_name("hvhost", tests, NULL, NULL);
	stand_in_unload(&stand_in);
	return failed;
}
