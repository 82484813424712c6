/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Hyper-V host that the stand-in plays: its machines, their key-value pairs and its jobs.
 *
 * HvWmiReset() of the DLL, or the variable HVWMI in the environment when it is loaded, sets how it
 * behaves, as words that are separated by blanks:
 *
 *	generation=2012r2|2016|2025  what Modify of a missing item fails with: 32773 until 2012 R2,
 *	                             32779 after it; also for the machines of hvhost
 *	connect=dcom-denied|namespace-denied|no-role|service-stopped|unavailable|hang
 *	                             how ConnectServer() ends
 *	query=denied|provider|hang   how queries end
 *	machines=none                what UAC leaves an administrator who is not elevated: no
 *	                             instance at all
 *	vmms=none                    no Msvm_VirtualSystemManagementService
 *	cluster=yes|denied           root\MSCluster exists: web1 is on HV02, web9 on HV03
 *	status=7|12|13               OperationalStatus of Data Exchange, otherwise 3
 *	shutdown=ERROR               what InitiateShutdown and InitiateReboot return unless forced
 *	guest=…                      what web1's guest does with a request: see guest.h
 *	delay=MS                     how long each call takes, before its result is there
 *	hvhost=PORT                  the machines and items are those of hvhost: see source.h
 *	job=direct|slow|failed|stuck|gone
 *	                             methods complete without a job; jobs take a second; they fail
 *	                             with 32768; they never end; they disappear
 *
 * The machines: web1 (running), db1 (off), two named twin (running), old1 (running, without
 * Data Exchange, shutdown and heartbeat). The items of the guest web1 contain its host's name and
 *what HvWmiGuestItem() sets, and its hv-logoffd's answer.
 */
#ifndef HOST_H
#define HOST_H

#include "object.h"

/* The result of ConnectServer() or a query, and whether it must not return before host_hang() does.
 */
HRESULT host_connect_result(bool *hang);
HRESULT host_query_result(bool *hang);
DWORD host_delay(void);

/* S_OK if there is a failover cluster, S_FALSE if not, or an error. */
HRESULT host_cluster_result(void);

/* Blocks until the next HvWmiReset(). */
void host_hang(void);

#define MAX_RESULTS 16

/* All instances of a class: their number, at most MAX_RESULTS. */
size_t host_instances(const WCHAR *class, IWbemClassObject *instances[MAX_RESULTS]);

/* The instances of @class that are associated with the one at @path. */
size_t host_associated(const WCHAR *path, const WCHAR *class,
		       IWbemClassObject *instances[MAX_RESULTS]);

/*
 * A class or an instance, or NULL. The path may begin with a host and a namespace. "" is an object
 * that can become a new class.
 */
IWbemClassObject *host_object(const WCHAR *path);

/* Add-, Modify- and RemoveKvpItems, InitiateShutdown and InitiateReboot. *@out has ReturnValue and
 * Job. */
HRESULT host_call(const WCHAR *path, const WCHAR *method, IWbemClassObject *in,
		  IWbemClassObject **out);

/* The functions that the DLL exports for tests. */
void WINAPI HvWmiReset(const WCHAR *behavior);
/* The next @count queries fail, UINT_MAX for all. Returns how many would have failed before. */
unsigned int WINAPI HvWmiFailQueries(HRESULT hr, unsigned int count);
void WINAPI HvWmiGuestItem(const WCHAR *name, const WCHAR *data);

void host_init(void);

#endif /* HOST_H */
