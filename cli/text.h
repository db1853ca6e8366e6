/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* text.h - numbers and paths as people read them, and colour where they
 * look.
 *
 * A terminal has so many columns, and what is written for it keeps to them; a
 * pipe has as many as are wanted.
 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json_object;

enum { TEXT_SIZE = 32, TEXT_PATH = 4096 };

/* "1.2 GiB", "830 B". */
const char *text_bytes(uint64_t, char ret[TEXT_SIZE]);
/* "12 s", "3 min", "5 h", "8 d", "4 y". */
const char *text_age(int64_t seconds, char ret[TEXT_SIZE]);
/* "97%", of both; "-" when there was nothing. */
const char *text_ratio(uint64_t part, uint64_t rest, char ret[TEXT_SIZE]);
/* "12,345" */
const char *text_count(uint64_t, char ret[TEXT_SIZE]);

/* The columns that are left beside 'used' others, and never less than a few;
 * INT_MAX in a pipe. */
int text_room(int used);

/* Names come from others: what would move the cursor becomes '?'.  One that is
 * wider than 'room' has "..." in its middle. */
const char *text_path(const char *path, int room, char ret[TEXT_PATH]);
/* How wide a column of such names is, of the first 'rows' in a list of objects
 * that have theirs at 'key': as the widest, if 'used' others leave room. */
int text_width(struct json_object *list, size_t rows, const char *key,
	       int min, int used);

/* Words and a line's end, from column 'at' on.  Those that do not fit in
 * standard output's terminal, or standard error's if it goes there, go below,
 * indented. */
void text_fold(FILE *to, const char *words, int at, int indent);

enum text_look { LOOK_PLAIN, LOOK_BOLD, LOOK_DIM, LOOK_GOOD, LOOK_WARN,
		 LOOK_BAD };
/* What turns it on; LOOK_PLAIN turns all off.  "" where standard output is no
 * terminal that shows colours, or somebody minds. */
const char *text_look(enum text_look);

#endif
