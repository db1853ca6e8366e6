/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* What GitHub's API answers, see fuzz_service.h.  The first byte: whether it
 * knows us. */
#include "backend/backend.h"
#include "test/fuzz_service.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = { data, size };
	uint8_t how = fuzz_byte(&f);
	const struct backend_options opt = { .user = NULL };
	struct backend *repository, *place;
	char why[BACKEND_WHY];

	service_answer(&f, how & 1);
	FUZZ_MUST(!backend_github.open(&repository,
		"https://github.com/owner/name", &opt, why));
	FUZZ_MUST(!backend_github.open(&place,
		"https://github.com/owner/", &opt, why));
	service_ask(repository, place, &f);
	backend_close(repository);
	backend_close(place);
	return 0;
}
