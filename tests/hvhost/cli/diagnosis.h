/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why a machine, or the kernel in it, does not answer, from the machine's logs. Only root and the
 * machine's owner can read them.
 */
#ifndef HVHOST_DIAGNOSIS_H
#define HVHOST_DIAGNOSIS_H

enum symptom {
	SYMPTOM_TIMEOUT,
	SYMPTOM_RESET,
	SYMPTOM_ENDED, /* or no machine is running */
};

/*
 * Prints on standard error the first report of a panic, oops or lockup of the guest's kernel. With
 * such a report, and after a reset or the end of the machine, also the last messages in hvhost.log
 * about these.
 */
void print_diagnosis(const char *name, enum symptom symptom);

#endif /* HVHOST_DIAGNOSIS_H */
