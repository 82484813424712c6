/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HVL_BOOT_ID_H
#define HVL_BOOT_ID_H

/* A UUID in its usual form, with the NUL. */
#define BOOT_ID_SIZE 37

/* Reads the id of this boot of the machine, /proc/sys/kernel/random/boot_id. 0 or -errno. */
int boot_id_read(char id[BOOT_ID_SIZE]);

#endif /* HVL_BOOT_ID_H */
