# The tests of cache/.
if HAVE_CHECK
cache_test_cflags = $(AM_CFLAGS) $(CHECK_CFLAGS)
cache_test_libs = libcache.a $(backend_libs) $(common_libs) $(CHECK_LIBS)

check_PROGRAMS += test/test_composite test/test_dcache test/test_flight \
	test/test_fs test/test_fs_trouble test/test_inode test/test_root \
	test/test_state
cache_test_scene = test/asker.c test/asker.h test/fake.c test/fake.h \
	test/must.h test/scene.c test/scene.h test/scratch.c test/scratch.h
test_test_composite_SOURCES = test/test_composite.c test/scratch.c \
	test/scratch.h
test_test_composite_CFLAGS = $(cache_test_cflags)
test_test_composite_LDADD = $(cache_test_libs)
test_test_dcache_SOURCES = test/test_dcache.c test/must.h
test_test_dcache_CFLAGS = $(cache_test_cflags)
test_test_dcache_LDADD = $(cache_test_libs)
test_test_flight_SOURCES = test/test_flight.c
test_test_flight_CFLAGS = $(cache_test_cflags)
test_test_flight_LDADD = $(cache_test_libs)
test_test_fs_SOURCES = test/test_fs.c $(cache_test_scene)
test_test_fs_CFLAGS = $(cache_test_cflags)
test_test_fs_LDADD = $(cache_test_libs)
test_test_fs_trouble_SOURCES = test/test_fs_trouble.c $(cache_test_scene)
test_test_fs_trouble_CFLAGS = $(cache_test_cflags)
test_test_fs_trouble_LDADD = $(cache_test_libs)
test_test_inode_SOURCES = test/test_inode.c $(cache_test_scene)
test_test_inode_CFLAGS = $(cache_test_cflags)
test_test_inode_LDADD = $(cache_test_libs)
test_test_root_SOURCES = test/test_root.c test/scratch.c test/scratch.h
test_test_root_CFLAGS = $(cache_test_cflags)
test_test_root_LDADD = $(cache_test_libs)
test_test_state_SOURCES = test/test_state.c test/scratch.c test/scratch.h
test_test_state_CFLAGS = $(cache_test_cflags)
test_test_state_LDADD = $(cache_test_libs)
endif
