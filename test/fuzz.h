/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* fuzz.h - what is common to the programs that try out inputs.
 *
 * Each is one source with LLVMFuzzerTestOneInput() in it.  With libFuzzer or
 * AFL++ (configure --enable-fuzzers) it looks for inputs that break the
 * code; otherwise fuzz_main.c makes of it a program that tries those that
 * it is given, which "make check" does with test/corpus/NAME/.
 *
 * An input must be judged by itself: nothing may be left of the one before.
 * What must not happen ends in abort(), or is for a sanitizer to see.
 */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_MUST(what) do { \
		if (what) \
			break; \
		fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, \
			#what); \
		abort(); \
	} while (0)

/* An input that is read from the front. */
struct fuzz {
	const uint8_t *data;
	size_t len;
};

/* The next byte, or 0 at the end. */
static inline uint8_t fuzz_byte(struct fuzz *f)
{
	if (!f->len)
		return 0;
	f->len--;
	return *f->data++;
}

/* The next bytes: up to 'len', and how many there are. */
static inline const uint8_t *fuzz_bytes(struct fuzz *f, size_t *len)
{
	const uint8_t *at = f->data;

	if (*len > f->len)
		*len = f->len;
	f->data += *len;
	f->len -= *len;
	return at;
}

#endif
