/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/suite.h"

#include <stdio.h>
#include <stdlib.h>

enum { SKIPPED = 77 };          /* as automake has it */

int suite_run_these(const char *name, double timeout_s, va_list ap)
{
	Suite *s = suite_create(name);
	SRunner *runner = srunner_create(s);
	suite_add *add;
	int failed;

	while ((add = va_arg(ap, suite_add *))) {
		TCase *c = tcase_create(name);

		tcase_set_timeout(c, timeout_s);
		add(c);
		suite_add_tcase(s, c);
	}
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int suite_run(const char *name, double timeout_s, ...)
{
	va_list add;
	int status;

	va_start(add, timeout_s);
	status = suite_run_these(name, timeout_s, add);
	va_end(add);
	return status;
}

int suite_skip(const char *why)
{
	fprintf(stderr, "skipped: %s\n", why);
	return SKIPPED;
}
