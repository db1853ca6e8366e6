/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "common/lock.h"

#ifdef LOCK_CHECK
_Thread_local unsigned lock_held;
#endif
