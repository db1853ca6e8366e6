/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* What a Mesa depot's API answers, see fuzz_service.h.  The first byte: whether
 * it knows us, and whether git is spoken there. */
#include "backend/backend.h"
#include "test/fuzz_service.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = { data, size };
	uint8_t how = fuzz_byte(&f);
	const struct backend_options opt = {
		.git_url = how & 2 ? "https://git.example/name.git" : NULL,
	};
	struct backend *repository, *place;
	char why[BACKEND_WHY];

	service_answer(&f, how & 1);
	FUZZ_MUST(!backend_mesa.open(&repository,
		"https://depot.mesa.dev/api/v1/owner/name", &opt, why));
	FUZZ_MUST(!backend_mesa.open(&place,
		"https://depot.mesa.dev/api/v1/owner/", &opt, why));
	service_ask(repository, place, &f);
	backend_close(repository);
	backend_close(place);
	return 0;
}
