/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "nfsd/admin/webhook.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>

enum { MAC = 32 };

/* Without telling by the time it takes how much of it is right. */
static bool same(const char *a, const char *b)
{
	size_t len = strlen(a);

	return len == strlen(b) && !sodium_memcmp(a, b, len);
}

static bool signs(const char *hex, const struct webhook *m,
		  const char *secret)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	char wanted[2 * MAC + 1];
	unsigned len = 0;

	if (!HMAC(EVP_sha256(), secret, (int)strlen(secret), m->body, m->len,
		  mac, &len) || len != MAC)
		return false;
	sodium_bin2hex(wanted, sizeof wanted, mac, MAC);
	return same(hex, wanted);
}

/* One that is wrong is not made good by another. */
bool webhook_is_genuine(const struct webhook *m, const char *secret)
{
	if (!*secret)
		return false;
	if (m->hub_signature)
		return !strncmp(m->hub_signature, "sha256=", 7) &&
		       signs(m->hub_signature + 7, m, secret);
	if (m->gitea_signature)
		return signs(m->gitea_signature, m, secret);
	if (m->gitlab_token)
		return same(m->gitlab_token, secret);
	return m->authorization &&
	       !strncasecmp(m->authorization, "Bearer ", 7) &&
	       same(m->authorization + 7, secret);
}
