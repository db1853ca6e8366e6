/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* doctor.h - what the parts of "gitnfs doctor" share: a line for each finding,
 * and below it what to do.
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

struct cli;
struct json_object;

enum finding { FINE, NOTE, WRONG };

struct doctor {
	struct cli *cli;
	struct json_object *status;     /* of the server, or NULL */
	unsigned wrong;
};

void doctor_find(struct doctor *, enum finding, const char *what,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void doctor_advise(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

/* Lists of the server's, or NULL: of its status, and where it listens. */
struct json_object *doctor_list(const struct doctor *, const char *key);
struct json_object *doctor_listeners(const struct doctor *);

/* Look at this machine. */
void doctor_here(struct doctor *);

#endif
