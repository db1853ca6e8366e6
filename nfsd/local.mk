noinst_LIBRARIES += libnfsd.a
sbin_PROGRAMS += gitnfsd

libnfsd_a_SOURCES = \
	nfsd/access.c nfsd/access.h \
	nfsd/endpoint.c nfsd/endpoint.h \
	nfsd/admin.c nfsd/admin.h \
	nfsd/bus.c nfsd/bus.h \
	nfsd/attr.c nfsd/attr.h \
	nfsd/batch.c nfsd/batch.h \
	nfsd/census.c nfsd/census.h \
	nfsd/commands.c \
	nfsd/config.c nfsd/config.h \
	nfsd/config_args.c nfsd/config_file.c nfsd/config_read.h \
	nfsd/config_service.c \
	nfsd/config_line.c nfsd/config_line.h \
	nfsd/config_place.c nfsd/config_place.h \
	nfsd/config_rules.c nfsd/config_rules.h \
	nfsd/config_value.c nfsd/config_value.h \
	nfsd/conn.c nfsd/conn.h \
	nfsd/control.c nfsd/control.h \
	nfsd/fh.c nfsd/fh.h \
	nfsd/loop.c nfsd/loop.h \
	nfsd/memo.c nfsd/memo.h \
	nfsd/metrics.c nfsd/metrics.h \
	nfsd/mount3.c \
	nfsd/nfs3.c nfsd/nfs3_proc.h \
	nfsd/nfs3_about.c \
	nfsd/nfs3_readdir.c \
	nfsd/nlm4.c \
	nfsd/portmap.c \
	nfsd/privilege.c nfsd/privilege.h \
	nfsd/refresh.c nfsd/refresh.h \
	nfsd/registry.c nfsd/registry.h \
	nfsd/report.c nfsd/report.h \
	nfsd/rpc.c nfsd/rpc.h \
	nfsd/rpcbind.c nfsd/rpcbind.h \
	nfsd/server.c nfsd/server.h \
	nfsd/service.h \
	nfsd/sockets.c nfsd/sockets.h \
	nfsd/standing.c nfsd/standing.h \
	nfsd/status.c nfsd/status.h \
	nfsd/steady.c nfsd/steady.h \
	nfsd/tally.c nfsd/tally.h \
	nfsd/trace.c nfsd/trace.h \
	nfsd/udp.c nfsd/udp.h \
	nfsd/warm.c nfsd/warm.h \
	nfsd/web.c nfsd/web.h \
	nfsd/webhook.c nfsd/webhook.h \
	nfsd/xdr.h
# What rpcgen makes is not held to our warnings.
noinst_LIBRARIES += libnfsxdr.a
nodist_libnfsxdr_a_SOURCES = $(rpcgen_sources)
libnfsxdr_a_CFLAGS = -std=gnu11 -w
libnfsd_a_LIBADD = $(libnfsxdr_a_OBJECTS)
libnfsd_a_DEPENDENCIES = $(libnfsxdr_a_OBJECTS)

gitnfsd_SOURCES = nfsd/main.c
nfsd_libs = libnfsd.a libcache.a $(backend_libs) $(common_libs) \
	$(EVENT_LIBS) $(JSON_LIBS) $(TIRPC_LIBS)
gitnfsd_LDADD = $(nfsd_libs)

# The protocols, from their descriptions.  rpcgen writes into its output the
# name it is given and must not see that of the source folder.
rpcgen_headers = nfsd/mount3.h nfsd/nfs3.h nfsd/nlm4.h
rpcgen_sources = nfsd/mount3_xdr.c nfsd/nfs3_xdr.c nfsd/nlm4_xdr.c
EXTRA_DIST += nfsd/mount3.x nfsd/nfs3.x nfsd/nlm4.x
BUILT_SOURCES += $(rpcgen_headers)
CLEANFILES += $(rpcgen_headers) $(rpcgen_sources)
$(libnfsd_a_OBJECTS) $(libnfsxdr_a_OBJECTS): $(rpcgen_headers)

RUN_RPCGEN = $(AM_V_GEN)$(MKDIR_P) nfsd; \
	run() { (cd '$(srcdir)' && $(RPCGEN) "$$@") >$@.tmp && mv $@.tmp $@; }; run
nfsd/mount3.h: nfsd/mount3.x
	$(RUN_RPCGEN) -h nfsd/mount3.x
nfsd/nfs3.h: nfsd/nfs3.x
	$(RUN_RPCGEN) -h nfsd/nfs3.x
nfsd/nlm4.h: nfsd/nlm4.x
	$(RUN_RPCGEN) -h nfsd/nlm4.x
nfsd/mount3_xdr.c: nfsd/mount3.x
	$(RUN_RPCGEN) -c nfsd/mount3.x
nfsd/nfs3_xdr.c: nfsd/nfs3.x
	$(RUN_RPCGEN) -c nfsd/nfs3.x
nfsd/nlm4_xdr.c: nfsd/nlm4.x
	$(RUN_RPCGEN) -c nfsd/nlm4.x
