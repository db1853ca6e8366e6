/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/call.h"

#include <stdlib.h>
#include <string.h>

#include "test/must.h"

enum { FH_MAX = 64, NAME_MAX_SENT = 255, READ_MAX = 1 << 20 };

/* ---- pieces ---- */

bool fh_eq(const struct fh *a, const struct fh *b)
{
	return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

bool fattr_eq(const struct fattr *a, const struct fattr *b)
{
	return a->sent && b->sent && !memcmp(a->xdr, b->xdr, sizeof a->xdr);
}

void call_begin(struct wire *w, struct raw *r, uint32_t proc)
{
	raw_head(w, ++r->xid, RAW_NFS, 3, proc);
}

void call_put_fh(struct wire *w, const struct fh *fh)
{
	wire_put_opaque(w, fh->data, fh->len);
}

static void get_fh(struct wire *w, struct fh *ret)
{
	struct fh fh;
	const uint8_t *p = wire_get_opaque(w, FH_MAX, &fh.len);

	must(fh.len > 0);
	must(!(fh.len % 4));
	memcpy(fh.data, p, fh.len);
	if (ret)
		*ret = fh;
}

static uint64_t get_time(struct wire *w)
{
	uint64_t s = wire_get32(w);
	uint32_t ns = wire_get32(w);

	must(ns < 1000000000);
	return s * 1000000000 + ns;
}

void call_get_fattr(struct wire *w, struct fattr *ret)
{
	struct fattr a = { .sent = true };

	memcpy(a.xdr, wire_get_bytes(w, sizeof a.xdr), sizeof a.xdr);
	w->at -= sizeof a.xdr;
	a.type = wire_get32(w);
	a.mode = wire_get32(w);
	a.nlink = wire_get32(w);
	a.uid = wire_get32(w);
	a.gid = wire_get32(w);
	a.size = wire_get64(w);
	a.used = wire_get64(w);
	wire_get64(w);          /* rdev */
	a.fsid = wire_get64(w);
	a.fileid = wire_get64(w);
	a.atime = get_time(w);
	a.mtime = get_time(w);
	a.ctime = get_time(w);
	must(a.fileid != 0);
	must(!(a.mode & ~07777u));
	if (ret)
		*ret = a;
}

void call_get_post_op(struct wire *w, struct fattr *ret)
{
	if (ret)
		ret->sent = false;
	if (wire_get_bool(w))
		call_get_fattr(w, ret);
}

void call_get_wcc(struct wire *w, struct fattr *after)
{
	if (wire_get_bool(w)) {
		wire_get64(w);  /* size */
		get_time(w);
		get_time(w);
	}
	call_get_post_op(w, after);
}

/* A procedure that takes a handle first. */
static void begin(struct wire *w, struct raw *r, uint32_t proc,
		  const struct fh *fh)
{
	call_begin(w, r, proc);
	call_put_fh(w, fh);
}

/* ---- MOUNT ---- */

uint32_t call_mnt(struct raw *r, const char *path, struct fh *ret)
{
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
	uint32_t status, flavors, has = 0;

	raw_head(&call, ++r->xid, RAW_MOUNT, 3, 1);
	wire_put_opaque(&call, path, strlen(path));
	raw_call(r, &call, &reply);
	status = wire_get32(&reply);
	if (status == N3_OK) {
		get_fh(&reply, ret);
		flavors = wire_get32(&reply);
		for (uint32_t i = 0; i < flavors; i++)
			has |= 1u << (wire_get32(&reply) & 31);
		must(has == 3);      /* AUTH_NONE, AUTH_SYS */
	}
	wire_end(&reply);
	return status;
}

/* ---- NFS ---- */

uint32_t call_getattr(struct raw *r, const struct fh *fh, struct fattr *ret)
{
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
	uint32_t status;

	begin(&call, r, CALL_GETATTR, fh);
	raw_call(r, &call, &reply);
	status = wire_get32(&reply);
	if (status == N3_OK)
		call_get_fattr(&reply, ret);
	wire_end(&reply);
	return status;
}

uint32_t call_lookup(struct raw *r, const struct fh *dir, const char *name,
		     size_t len, struct fh *fh, struct fattr *attr,
		     struct fattr *dir_attr)
{
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
	uint32_t status;

	begin(&call, r, CALL_LOOKUP, dir);
	wire_put_opaque(&call, name, len);
	raw_call(r, &call, &reply);
	status = wire_get32(&reply);
	if (status == N3_OK) {
		get_fh(&reply, fh);
		call_get_post_op(&reply, attr);
	}
	call_get_post_op(&reply, dir_attr);
	wire_end(&reply);
	return status;
}

uint32_t call_find(struct raw *r, const struct fh *dir, const char *name,
		   struct fh *fh, struct fattr *attr)
{
	return call_lookup(r, dir, name, strlen(name), fh, attr, NULL);
}

uint32_t call_walk(struct raw *r, const struct fh *from, const char *path,
		   struct fh *fh, struct fattr *attr)
{
	struct fh at = *from;

	for (;;) {
		size_t len = strcspn(path, "/");
		uint32_t status;

		status = call_lookup(r, &at, path, len, &at, attr, NULL);
		if (status != N3_OK)
			return status;
		if (!path[len])
			break;
		path += len + 1;
	}
	if (fh)
		*fh = at;
	return N3_OK;
}

uint32_t call_access(struct raw *r, const struct fh *fh, uint32_t want,
		     uint32_t *may, struct fattr *attr)
{
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
	uint32_t status, bits;

	begin(&call, r, CALL_ACCESS, fh);
	wire_put32(&call, want);
	raw_call(r, &call, &reply);
	status = wire_get32(&reply);
	call_get_post_op(&reply, attr);
	if (status == N3_OK) {
		bits = wire_get32(&reply);
		must(!(bits & ~want));
		if (may)
			*may = bits;
	}
	wire_end(&reply);
	return status;
}

static void replace(struct wire *w, const void *data, size_t len)
{
	if (!w)
		return;
	w->len = w->at = 0;
	wire_put_bytes(w, data, len);
}

uint32_t call_readlink(struct raw *r, const struct fh *fh, struct wire *text,
		       struct fattr *attr)
{
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
	uint32_t status;

	begin(&call, r, CALL_READLINK, fh);
	raw_call(r, &call, &reply);
	status = wire_get32(&reply);
	call_get_post_op(&reply, attr);
	if (status == N3_OK) {
		size_t len;
		const uint8_t *p = wire_get_opaque(&reply, READ_MAX, &len);

		replace(text, p, len);
	}
	wire_end(&reply);
	return status;
}

uint32_t call_read(struct raw *r, const struct fh *fh, uint64_t off,
		   uint32_t count, struct wire *data, bool *eof,
		   struct fattr *attr)
{
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
	uint32_t status;

	begin(&call, r, CALL_READ, fh);
	wire_put64(&call, off);
	wire_put32(&call, count);
	raw_call(r, &call, &reply);
	status = wire_get32(&reply);
	call_get_post_op(&reply, attr);
	if (status == N3_OK) {
		uint32_t said = wire_get32(&reply);
		bool end = wire_get_bool(&reply);
		size_t len;
		const uint8_t *p = wire_get_opaque(&reply, count, &len);

		must(said == len);
		replace(data, p, len);
		if (eof)
			*eof = end;
	}
	wire_end(&reply);
	return status;
}

uint32_t call_read_all(struct raw *r, const struct fh *fh, uint32_t count,
		       struct wire *data)
{
	CLEANUP_WIRE struct wire part = { 0 };
	bool eof = false;

	data->len = data->at = 0;
	while (!eof) {
		uint32_t status = call_read(r, fh, data->len, count, &part,
					    &eof, NULL);

		if (status != N3_OK)
			return status;
		must(eof || part.len);
		wire_put_bytes(data, part.p, part.len);
	}
	return N3_OK;
}

/* ---- listings ---- */

void page_free(struct page *p)
{
	wire_free(&p->reply);
	free(p->entry);
	*p = (struct page){ 0 };
}

static void get_entries(struct page *p, bool plus)
{
	struct wire *w = &p->reply;

	p->n = 0;
	while (wire_get_bool(w)) {
		size_t start = w->at - 4;
		struct entry *e;

		if (p->n == p->cap) {
			p->cap = 2 * p->cap + 64;
			p->entry = realloc(p->entry,
					   p->cap * sizeof *p->entry);
			must(p->entry);
		}
		e = &p->entry[p->n++];
		*e = (struct entry){ .fileid = wire_get64(w) };
		e->name = (const char *)wire_get_opaque(w, NAME_MAX_SENT,
							&e->len);
		e->cookie = wire_get64(w);
		e->dirsize = w->at - start - 4;
		must(e->fileid != 0);
		must(e->len > 0);
		must(!memchr(e->name, '/', e->len));
		if (plus) {
			call_get_post_op(w, &e->attr);
			if (wire_get_bool(w))
				get_fh(w, &e->fh);
			if (e->attr.sent)
				must(e->attr.fileid == e->fileid);
		}
		e->size = w->at - start;
	}
	p->eof = wire_get_bool(w);
	must(p->eof || p->n);      /* else a client would never end */
}

static uint32_t get_page(struct raw *r, const struct wire *call,
			 struct page *p, bool plus)
{
	struct wire *w = &p->reply;
	size_t start;
	uint32_t status;

	raw_call(r, call, w);
	status = wire_get32(w);
	start = w->at;
	call_get_post_op(w, &p->dir);
	if (status == N3_OK) {
		p->verf = wire_get64(w);
		get_entries(p, plus);
		p->size = w->at - start;
	}
	wire_end(w);
	return status;
}

uint32_t call_readdir(struct raw *r, const struct fh *fh, uint64_t cookie,
		      uint64_t verf, uint32_t count, struct page *p)
{
	CLEANUP_WIRE struct wire call = { 0 };

	begin(&call, r, CALL_READDIR, fh);
	wire_put64(&call, cookie);
	wire_put64(&call, verf);
	wire_put32(&call, count);
	return get_page(r, &call, p, false);
}

uint32_t call_readdirplus(struct raw *r, const struct fh *fh, uint64_t cookie,
			  uint64_t verf, uint32_t dircount, uint32_t maxcount,
			  struct page *p)
{
	CLEANUP_WIRE struct wire call = { 0 };

	begin(&call, r, CALL_READDIRPLUS, fh);
	wire_put64(&call, cookie);
	wire_put64(&call, verf);
	wire_put32(&call, dircount);
	wire_put32(&call, maxcount);
	return get_page(r, &call, p, true);
}

/* ---- the file system ---- */

uint32_t call_fsstat(struct raw *r, const struct fh *fh, struct fsstat *ret,
		     struct fattr *attr)
{
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
	uint32_t status;

	begin(&call, r, CALL_FSSTAT, fh);
	raw_call(r, &call, &reply);
	status = wire_get32(&reply);
	call_get_post_op(&reply, attr);
	if (status == N3_OK) {
		ret->tbytes = wire_get64(&reply);
		ret->fbytes = wire_get64(&reply);
		ret->abytes = wire_get64(&reply);
		ret->tfiles = wire_get64(&reply);
		ret->ffiles = wire_get64(&reply);
		ret->afiles = wire_get64(&reply);
		ret->invarsec = wire_get32(&reply);
	}
	wire_end(&reply);
	return status;
}

uint32_t call_fsinfo(struct raw *r, const struct fh *fh, struct fsinfo *ret,
		     struct fattr *attr)
{
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
	uint32_t status;

	begin(&call, r, CALL_FSINFO, fh);
	raw_call(r, &call, &reply);
	status = wire_get32(&reply);
	call_get_post_op(&reply, attr);
	if (status == N3_OK) {
		ret->rtmax = wire_get32(&reply);
		ret->rtpref = wire_get32(&reply);
		ret->rtmult = wire_get32(&reply);
		ret->wtmax = wire_get32(&reply);
		ret->wtpref = wire_get32(&reply);
		ret->wtmult = wire_get32(&reply);
		ret->dtpref = wire_get32(&reply);
		ret->maxfilesize = wire_get64(&reply);
		ret->delta_s = wire_get32(&reply);
		ret->delta_ns = wire_get32(&reply);
		ret->properties = wire_get32(&reply);
	}
	wire_end(&reply);
	return status;
}

uint32_t call_pathconf(struct raw *r, const struct fh *fh,
		       struct pathconf *ret, struct fattr *attr)
{
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
	uint32_t status;

	begin(&call, r, CALL_PATHCONF, fh);
	raw_call(r, &call, &reply);
	status = wire_get32(&reply);
	call_get_post_op(&reply, attr);
	if (status == N3_OK) {
		ret->linkmax = wire_get32(&reply);
		ret->name_max = wire_get32(&reply);
		ret->no_trunc = wire_get_bool(&reply);
		ret->chown_restricted = wire_get_bool(&reply);
		ret->case_insensitive = wire_get_bool(&reply);
		ret->case_preserving = wire_get_bool(&reply);
	}
	wire_end(&reply);
	return status;
}
