# Services with an API of their own: backend/github/, backend/mesa/.
EXTRA_DIST += test/Host.pm test/forge.pl

if HAVE_CHECK
check_PROGRAMS += test/it_forges test/test_github test/test_mesa
test_test_github_SOURCES = test/test_github.c \
	test/git.c test/git.h test/githost.c test/githost.h \
	test/job.c test/job.h
test_test_github_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_test_github_LDADD = $(backend_libs) $(common_libs) $(CHECK_LIBS)
test_test_mesa_SOURCES = test/test_mesa.c \
	test/git.c test/git.h test/githost.c test/githost.h \
	test/job.c test/job.h
test_test_mesa_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_test_mesa_LDADD = $(backend_libs) $(common_libs) $(CHECK_LIBS)
test_it_forges_SOURCES = test/it_forges.c \
	test/call.c test/call.h \
	test/crawler.c test/crawler.h \
	test/git.c test/git.h test/githost.c test/githost.h \
	test/raw.c test/raw.h
test_it_forges_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_it_forges_LDADD = $(common_libs) $(CHECK_LIBS)
endif
