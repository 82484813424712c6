/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file nologin of pam_nologin(8): while it exists, only root can log on. @root is the directory
 * of the file: NOLOGIN_ROOT, except in tests. The inode of the file is recorded in @root/hv-logoff,
 * so that it can be removed after its daemon was killed, and no other file is removed.
 */
#ifndef HVL_NOLOGIN_H
#define HVL_NOLOGIN_H

#define NOLOGIN_ROOT "/run"

/*
 * Creates the file with @text, which users see who try to log on. Removes one that nologin_begin()
 * created before. Returns 0; -EEXIST if there is another file, which is left as it is; or another
 * -errno.
 */
int nologin_begin(const char *root, const char *text);

/*
 * Removes the file if nologin_begin() created it, in this process or in an earlier one. Returns 1
 * if it was removed, 0 if there is no such file, or -errno.
 */
int nologin_end(const char *root);

#endif /* HVL_NOLOGIN_H */
