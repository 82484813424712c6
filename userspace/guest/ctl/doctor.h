/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds out whether a logoff would work in this guest, and if not, what has to be done. */
#ifndef HVL_DOCTOR_H
#define HVL_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#define FINDINGS_MAX         24
#define FINDING_SIZE         512 /* bytes of a text, with the NUL */
#define HYPERVISOR_SIZE      13
#define TRANSPORT_STATE_SIZE 16
#define DOCTOR_UNIT_NAME     "hv-logoffd.service"
#define DOCTOR_SOCKET_NAME   "hv-logoffd.socket"

enum finding_state {
	FINDING_OK,
	FINDING_NOTE, /* a logoff works nevertheless, or another transport is meant to be used */
	FINDING_PROBLEM,
};

struct finding {
	const char *subject;
	enum finding_state state;
	char text[FINDING_SIZE];
	char remedy[FINDING_SIZE]; /* empty if there is none */
};

/* Of a unit of PID 1. */
struct unit_state {
	char load[16];   /* LoadState=, such as "loaded", "masked" or "not-found" */
	char active[16]; /* ActiveState= */
	int status;      /* ExecMainStatus= */
};

struct doctor {
	const char *root;                 /* of the file system, without a slash at the end */
	const char *release;              /* of the running kernel */
	char hypervisor[HYPERVISOR_SIZE]; /* its signature, or empty */
	/* Returns 0, or -errno if PID 1 does not answer. */
	int (*unit)(void *userdata, const char *name, struct unit_state *state);
	/*
	 * The state that the daemon reports of the transport @name, see hv-logoffctl(8). Returns 0,
	 * or -errno if the daemon does not answer.
	 */
	int (*transport)(void *userdata, const char *name, char state[TRANSPORT_STATE_SIZE]);
	void *userdata;

	struct finding findings[FINDINGS_MAX];
	size_t count;
	bool component_works, kvp_works, vsock_works; /* requests arrive that way */
	bool works;                                   /* and can be carried out */
};

/* All members before findings must be set, and the others zero. */
void doctor_run(struct doctor *doctor);

/* For the checks. Returns the finding without a remedy, valid until the next one is added. */
__attribute__((format(printf, 4, 5))) struct finding *doctor_add(struct doctor *doctor,
								 const char *subject,
								 enum finding_state state,
								 const char *format, ...);
__attribute__((format(printf, 2, 3))) void finding_remedy(struct finding *finding,
							  const char *format, ...);

/* Whether the driver is loaded; adds a finding. */
bool doctor_check_module(struct doctor *doctor);
/* Whether the sessions of a program that logs users on are those of systemd-logind. */
bool doctor_check_pam(struct doctor *doctor);

#endif /* HVL_DOCTOR_H */
