# The tests of common/ and backend/.
if HAVE_CHECK
check_PROGRAMS += test/test_common test/test_local
test_test_common_SOURCES = test/test_common.c
test_test_common_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_test_common_LDADD = $(common_libs) $(CHECK_LIBS)
test_test_local_SOURCES = test/test_local.c test/git.c test/git.h
test_test_local_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_test_local_LDADD = $(backend_libs) $(common_libs) $(CHECK_LIBS)
endif
