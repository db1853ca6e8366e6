noinst_LIBRARIES += libnfsd.a
sbin_PROGRAMS += gitnfsd

libnfsd_a_SOURCES = \
	nfsd/access.c nfsd/access.h \
	nfsd/attr.c nfsd/attr.h \
	nfsd/batch.c nfsd/batch.h \
	nfsd/conn.c nfsd/conn.h \
	nfsd/endpoint.c nfsd/endpoint.h \
	nfsd/fh.c nfsd/fh.h \
	nfsd/handover.c nfsd/handover.h \
	nfsd/loop.c nfsd/loop.h \
	nfsd/memo.c nfsd/memo.h \
	nfsd/mount3.c \
	nfsd/nfs3.c \
	nfsd/nfs3_about.c \
	nfsd/nfs3_proc.h \
	nfsd/nfs3_readdir.c \
	nfsd/nlm4.c \
	nfsd/places.c nfsd/places.h \
	nfsd/privilege.c nfsd/privilege.h \
	nfsd/reload.c nfsd/reload.h \
	nfsd/rpc.c nfsd/rpc.h \
	nfsd/server.c nfsd/server.h \
	nfsd/service.h \
	nfsd/sockets.c nfsd/sockets.h \
	nfsd/status.c nfsd/status.h \
	nfsd/steady.c nfsd/steady.h \
	nfsd/tally.c nfsd/tally.h \
	nfsd/trace.c nfsd/trace.h \
	nfsd/udp.c nfsd/udp.h \
	nfsd/upgrade.c nfsd/upgrade.h \
	nfsd/xdr.h
# Which program is served where.
libnfsd_a_SOURCES += \
	nfsd/portmap/neighbour.c nfsd/portmap/neighbour.h \
	nfsd/portmap/portmap.c \
	nfsd/portmap/registry.c nfsd/portmap/registry.h \
	nfsd/portmap/rpcbind.c nfsd/portmap/rpcbind.h
# What it is told.
libnfsd_a_SOURCES += \
	nfsd/config/config.c nfsd/config/config.h \
	nfsd/config/config_args.c \
	nfsd/config/config_file.c \
	nfsd/config/config_line.c nfsd/config/config_line.h \
	nfsd/config/config_place.c nfsd/config/config_place.h \
	nfsd/config/config_read.h \
	nfsd/config/config_rules.c nfsd/config/config_rules.h \
	nfsd/config/config_service.c \
	nfsd/config/config_value.c nfsd/config/config_value.h
# For those who run it.
libnfsd_a_SOURCES += \
	nfsd/admin/admin.c nfsd/admin/admin.h \
	nfsd/admin/bring.c nfsd/admin/bring.h \
	nfsd/admin/census.c nfsd/admin/census.h \
	nfsd/admin/commands.c \
	nfsd/admin/control.c nfsd/admin/control.h \
	nfsd/admin/keep.c nfsd/admin/keep.h \
	nfsd/admin/metrics.c nfsd/admin/metrics.h \
	nfsd/admin/refresh.c nfsd/admin/refresh.h \
	nfsd/admin/report.c nfsd/admin/report.h \
	nfsd/admin/standing.c nfsd/admin/standing.h \
	nfsd/admin/warm.c nfsd/admin/warm.h \
	nfsd/admin/web.c nfsd/admin/web.h \
	nfsd/admin/webhook.c nfsd/admin/webhook.h
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
