/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/mesa/words.h"

const struct words words[GENERATIONS] = {
	{
		.head = "head_sha",
		.version = "ref",
		.list = "repos",
		.commit = "commits",
		.log = "commits",
		.id = "sha",
	}, {
		.head = "head_oid",
		.version = "oid",
		.list = "repo",
		.commit = "commit",
		.log = "commit",
		.id = "sha",
	}, {
		.head = "head_change_id",
		.version = "change_id",
		.list = "repo",
		.commit = "changes",
		.ref = "bookmarks",
		.id = "current_commit_oid",
		.change = "change_id",
	},
};
