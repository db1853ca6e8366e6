/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* text.h - numbers as people read them, and colour where they look. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdbool.h>
#include <stdint.h>

enum { TEXT_SIZE = 32 };

/* "1.2 GiB", "830 B". */
const char *text_bytes(uint64_t, char ret[TEXT_SIZE]);
/* "12 s", "3 min", "5 h", "8 d", "4 y". */
const char *text_age(int64_t seconds, char ret[TEXT_SIZE]);
/* "97 %", of both; "-" when there was nothing. */
const char *text_ratio(uint64_t part, uint64_t rest, char ret[TEXT_SIZE]);
/* "12,345" */
const char *text_count(uint64_t, char ret[TEXT_SIZE]);

/* Is standard output a terminal that shows colours, and does nobody mind? */
bool text_colour(void);
/* A terminal's columns; 80 where it does not say. */
int text_columns(void);

enum text_look { LOOK_PLAIN, LOOK_BOLD, LOOK_DIM, LOOK_GOOD, LOOK_WARN,
		 LOOK_BAD };
/* What turns it on; LOOK_PLAIN turns all off.  "" without colour. */
const char *text_look(enum text_look);

#endif
