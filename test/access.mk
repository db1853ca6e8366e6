# Who may see what.
dist_check_SCRIPTS += test/access.sh
EXTRA_DIST += test/mnt.pl
if HAVE_CHECK
check_PROGRAMS += test/test_access
test_test_access_SOURCES = test/test_access.c
test_test_access_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_test_access_LDADD = $(nfsd_libs) $(CHECK_LIBS)
endif
