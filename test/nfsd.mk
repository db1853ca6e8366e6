# The tests of nfsd/ that need no server.
if HAVE_CHECK
check_PROGRAMS += test/test_config test/test_fh test/test_start test/test_xdr
test_test_config_SOURCES = test/test_config.c
test_test_config_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_test_config_LDADD = $(nfsd_libs) $(CHECK_LIBS)
test_test_fh_SOURCES = test/test_fh.c
test_test_fh_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_test_fh_LDADD = $(nfsd_libs) $(CHECK_LIBS)
test_test_start_SOURCES = test/test_start.c test/scratch.c test/scratch.h
test_test_start_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_test_start_LDADD = libcache.a $(backend_libs) $(common_libs) $(CHECK_LIBS)
test_test_xdr_SOURCES = test/test_xdr.c
test_test_xdr_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_test_xdr_LDADD = $(nfsd_libs) $(CHECK_LIBS)
test/test_xdr-test_xdr.$(OBJEXT): $(rpcgen_headers)
endif
