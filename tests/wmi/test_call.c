// SPDX-License-Identifier: GPL-2.0-or-later
/* Calls that end, that stop when they are asked to, and that do neither. */
#include "tests/wmi/windows_unit.h"

#include <objbase.h>

#include "userspace/host/windows/call.h"
#include "userspace/host/windows/com.h"

/* Bounds for what must not and for what must happen. */
#define SHORT_MS 50
#define LONG_MS  60000

struct context {
	HANDLE freed;
	volatile LONG calls;
};

struct test_call {
	struct call call;
	HANDLE release; /* what a call waits for */
	HANDLE started;
	HANDLE freed;
};

static void free_context(void *pointer)
{
	struct context *context = pointer;

	SetEvent(context->freed);
}

static void free_call(struct call *call)
{
	SetEvent(((struct test_call *)call)->freed);
}

static HRESULT return_at_once(struct call *call, void *pointer)
{
	struct context *context = pointer;

	context->calls++;
	return S_FALSE;
}

static HRESULT stop_when_asked(struct call *call, void *pointer)
{
	SetEvent(((struct test_call *)call)->started);
	while (!call->stop)
		Sleep(1);
	return E_ABORT;
}

static HRESULT hang(struct call *call, void *pointer)
{
	SetEvent(((struct test_call *)call)->started);
	WaitForSingleObject(((struct test_call *)call)->release, LONG_MS);
	return S_OK;
}

static HRESULT succeed_although_asked(struct call *call, void *pointer)
{
	while (!call->stop)
		Sleep(1);
	return S_OK;
}

/* Whether the thread is in the multithreaded apartment. */
static HRESULT apartment(struct call *call, void *pointer)
{
	APTTYPE type;
	APTTYPEQUALIFIER qualifier;
	HRESULT hr = CoGetApartmentType(&type, &qualifier);

	return SUCCEEDED(hr) && type != APTTYPE_MTA ? E_FAIL : hr;
}

static HANDLE event(void)
{
	return CreateEventW(NULL, TRUE, FALSE, NULL);
}

static void begin(struct test_call *call, HRESULT (*run)(struct call *call, void *context))
{
	*call = (struct test_call){.call = {.run = run, .free = free_call},
				   .release = event(),
				   .started = event(),
				   .freed = event()};
	assert_true(call_init(&call->call));
}

static void end(struct test_call *call)
{
	call_unref(&call->call);
	assert_int_equal(WaitForSingleObject(call->freed, LONG_MS), WAIT_OBJECT_0);
	CloseHandle(call->release);
	CloseHandle(call->started);
	CloseHandle(call->freed);
}

static HRESULT run(struct caller *caller, HRESULT (*function)(struct call *call, void *context),
		   DWORD ms)
{
	struct test_call call;
	HRESULT hr;

	begin(&call, function);
	hr = caller_run(caller, &call.call, ms, NULL);
	end(&call);
	return hr;
}

static struct caller *new_caller(struct context *context)
{
	struct caller *caller;

	*context = (struct context){.freed = event()};
	caller = caller_new(context, free_context);
	assert_non_null(caller);
	return caller;
}

static void free_caller(struct caller *caller, struct context *context)
{
	caller_free(caller);
	assert_int_equal(WaitForSingleObject(context->freed, LONG_MS), WAIT_OBJECT_0);
	CloseHandle(context->freed);
}

static void results_are_returned(void **state)
{
	struct context context;
	struct caller *caller = new_caller(&context);

	for (int count = 0; count < 100; count++)
		assert_hresult(run(caller, return_at_once, LONG_MS), S_FALSE);
	assert_int_equal(context.calls, 100);
	assert_hresult(run(caller, apartment, LONG_MS), S_OK);
	free_caller(caller, &context);
}

static void a_bound_ends_a_call(void **state)
{
	struct context context;
	struct caller *caller = new_caller(&context);

	assert_hresult(run(caller, stop_when_asked, SHORT_MS), HRESULT_FROM_WIN32(ERROR_TIMEOUT));
	assert_hresult(run(caller, return_at_once, LONG_MS), S_FALSE);
	free_caller(caller, &context);
}

static void a_late_success_is_a_success(void **state)
{
	struct context context;
	struct caller *caller = new_caller(&context);

	assert_hresult(run(caller, succeed_although_asked, SHORT_MS), S_OK);
	free_caller(caller, &context);
}

static DWORD WINAPI set_when_started(void *parameter)
{
	HANDLE *events = parameter;

	WaitForSingleObject(events[0], LONG_MS);
	SetEvent(events[1]);
	return 0;
}

static void an_event_ends_a_call(void **state)
{
	struct context context;
	struct caller *caller = new_caller(&context);
	struct test_call call;
	HANDLE events[2], thread;

	begin(&call, stop_when_asked);
	events[0] = call.started;
	events[1] = event();
	thread = CreateThread(NULL, 0, set_when_started, events, 0, NULL);
	assert_hresult(caller_run(caller, &call.call, LONG_MS, events[1]),
		       HRESULT_FROM_WIN32(ERROR_CANCELLED));
	WaitForSingleObject(thread, LONG_MS);
	end(&call);
	CloseHandle(events[1]);
	CloseHandle(thread);
	free_caller(caller, &context);
}

/* The thread does not come back: everything that it uses remains until it does. */
static void a_call_that_hangs_is_left(void **state)
{
	struct context context;
	struct caller *caller = new_caller(&context);
	struct test_call call;

	begin(&call, hang);
	assert_hresult(caller_run(caller, &call.call, SHORT_MS, NULL),
		       HRESULT_FROM_WIN32(ERROR_TIMEOUT));
	assert_hresult(run(caller, return_at_once, LONG_MS), RPC_E_DISCONNECTED);
	caller_free(caller);
	assert_int_equal(WaitForSingleObject(context.freed, 0), WAIT_TIMEOUT);
	assert_int_equal(WaitForSingleObject(call.freed, 0), WAIT_TIMEOUT);
	SetEvent(call.release);
	assert_int_equal(WaitForSingleObject(context.freed, LONG_MS), WAIT_OBJECT_0);
	assert_int_equal(context.calls, 0);
	end(&call);
	CloseHandle(context.freed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_are_returned),
		cmocka_unit_test(a_bound_ends_a_call),
		cmocka_unit_test(a_late_success_is_a_success),
		cmocka_unit_test(an_event_ends_a_call),
		cmocka_unit_test(a_call_that_hangs_is_left),
	};

	return cmocka_run_group_tests_name("call", tests, NULL, NULL);
}
