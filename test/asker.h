/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* asker.h - asks the questions of fs.h until they are answered, as a call of
 * nfsd does: it keeps what it was woken with until it has its answer.
 *
 * Threads: each has its own.
 * Errors: no answer in a minute, or too many wakings for one, abort().
 */
#ifndef TEST_ASKER_H
#define TEST_ASKER_H

#include <pthread.h>
#include <stdbool.h>

#include "common/waiter.h"

enum { ASKER_WAITS = 1024 };    /* as many as nfsd allows one call */

struct asker {
	struct waiter w;
	pthread_mutex_t lock;           /* covers woken */
	pthread_cond_t roused;
	bool woken;
	struct value *pin[ASKER_WAITS];
	unsigned waits;
	unsigned last_waits;            /* of the last question answered */
};

#define ASKER_INIT { \
	.w.wake = asker_rouse, \
	.lock = PTHREAD_MUTEX_INITIALIZER, \
	.roused = PTHREAD_COND_INITIALIZER, \
}

void asker_rouse(struct waiter *);

/* What a question with its waiter came to.  -EINPROGRESS: waits, and then it is
 * to be asked again. */
bool asker_waited(struct asker *, int r);

/* A call with &asker->w, asked until it is answered: its value. */
#define ASK_BY(asker, call) __extension__({ \
	int r_; \
	do \
		r_ = (call); \
	while (asker_waited((asker), r_)); \
	r_; \
})

#endif
