/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "cache/errand.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

enum {
	TOLD_TTL = 60000,       /* ms that a list is believed */
	UNTOLD_TTL = 10000,     /* ms before asking again, if that failed */
};

static void value_free(struct value *v)
{
	free(v);
}

/* What lands only says that the composite has the names.  A level can be
 * listed without: so no failure is one for who waits. */
static void land(struct errand *e, int err, const char *why)
{
	struct value *v = calloc(1, sizeof *v);

	if (err && err != -ENOTSUP)
		log_warning("cannot be listed", "level=%s error=%s why=%s",
			    level_path(e->level), strerror(-err), why);
	if (v) {
		v->refs = 1;
		v->free = value_free;
	}
	flight_done(e->f->flights, &e->key, v, v ? 0 : -ENOMEM,
		    err ? UNTOLD_TTL : TOLD_TTL);
	errand_free(e);
}

void errand_names_run(struct errand *e)
{
	char why[BACKEND_WHY] = "";
	int r;

	if (e->place) {                 /* it has answered */
		if (e->err && e->place->ops->why)
			e->place->ops->why(e->place, e->err, why);
		land(e, e->err == -ENOENT ? 0 : e->err, why);
		return;
	}
	r = level_open(e->level, &e->place, why);
	if (!r && !e->place->ops->list)
		r = -ENOTSUP;
	if (r) {
		land(e, r, why);
		return;
	}
	errand_job(e, NULL, 0, 0);
	e->place->ops->list(e->place, &e->job);
}
