/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes a cpio archive in the "newc" format, which the kernel accepts as an initramfs. */
#ifndef HVHOST_CPIO_H
#define HVHOST_CPIO_H

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

/* Each returns 0 or -errno. A directory must precede its contents. */
int cpio_directory(FILE *archive, const char *name);
int cpio_device(FILE *archive, const char *name, mode_t mode, dev_t device);
int cpio_bytes(FILE *archive, const char *name, const void *bytes, size_t size);
int cpio_file(FILE *archive, const char *name, mode_t mode, const char *path);
int cpio_end(FILE *archive);

#endif /* HVHOST_CPIO_H */
