# The tests of backend/git/.
EXTRA_DIST += test/httpd.pl

if HAVE_CHECK
check_PROGRAMS += test/it_git test/test_git test/test_hosts test/test_pack test/test_pkt
test_it_git_SOURCES = test/it_git.c \
	test/git.c test/git.h test/githost.c test/githost.h \
	test/job.c test/job.h
test_it_git_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_it_git_LDADD = $(backend_libs) $(common_libs) $(CHECK_LIBS)
test_test_git_SOURCES = test/test_git.c \
	test/git.c test/git.h test/githost.c test/githost.h \
	test/job.c test/job.h
test_test_git_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_test_git_LDADD = $(backend_libs) $(common_libs) $(CHECK_LIBS)
test_test_hosts_SOURCES = test/test_hosts.c \
	test/git.c test/git.h test/githost.c test/githost.h \
	test/job.c test/job.h
test_test_hosts_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_test_hosts_LDADD = $(backend_libs) $(common_libs) $(CURL_LIBS) $(CHECK_LIBS)
test_test_pack_SOURCES = test/test_pack.c test/git.c test/git.h
test_test_pack_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_test_pack_LDADD = $(backend_libs) $(common_libs) $(CHECK_LIBS)
test_test_pkt_SOURCES = test/test_pkt.c
test_test_pkt_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_test_pkt_LDADD = $(backend_libs) $(common_libs) $(CHECK_LIBS)
endif
