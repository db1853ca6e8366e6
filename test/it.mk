# The whole server in the test program: see HACKING.md.
if HAVE_LIBNFS
check_PROGRAMS += \
	test/it_access \
	test/it_big \
	test/it_conformance \
	test/it_crawl \
	test/it_crowd \
	test/it_faults \
	test/it_held \
	test/it_hostile \
	test/it_levels \
	test/it_levels_grow \
	test/it_levels_many \
	test/it_memo \
	test/it_moves \
	test/it_moves_refs \
	test/it_moves_trouble \
	test/it_names \
	test/it_nfs3 \
	test/it_oracle \
	test/it_park \
	test/it_portmap \
	test/it_prefetch \
	test/it_readdir \
	test/it_reload \
	test/it_rpc \
	test/it_shortage \
	test/it_stress \
	test/it_truncated \
	test/it_upgrade
test_it_levels_SOURCES = test/it_levels.c $(levels)
test_it_levels_grow_SOURCES = test/it_levels_grow.c $(levels)
test_it_levels_many_SOURCES = test/it_levels_many.c $(levels)
test_it_moves_SOURCES = test/it_moves.c $(moves)
test_it_moves_refs_SOURCES = test/it_moves_refs.c $(moves)
test_it_moves_trouble_SOURCES = test/it_moves_trouble.c $(moves)
test_it_shortage_LDFLAGS = -Wl,--wrap=write -Wl,--wrap=pwrite -Wl,--wrap=fsync \
	-Wl,--wrap=fdatasync -Wl,--wrap=ftruncate -Wl,--wrap=open \
	-Wl,--wrap=openat -Wl,--wrap=accept4 -Wl,--wrap=malloc \
	-Wl,--wrap=calloc -Wl,--wrap=realloc -Wl,--wrap=strdup \
	-Wl,--wrap=strndup -Wl,--wrap=asprintf -Wl,--wrap=open_memstream \
	-Wl,--wrap=mmap -Wl,--wrap=utf8proc_map
test_it_truncated_LDFLAGS = -Wl,--wrap=mkostemp

# With a client that is not ours; the last two run the program itself.
test_it_oracle_LDADD = $(nfsd_test_libs) $(NFS_LIBS)
test_it_reload_SOURCES = test/it_reload.c test/daemon.c test/daemon.h
test_it_reload_LDADD = $(nfsd_test_libs) $(NFS_LIBS)
test_it_upgrade_SOURCES = test/it_upgrade.c test/daemon.c test/daemon.h
test_it_upgrade_LDADD = $(nfsd_test_libs) $(NFS_LIBS)

# By hand: soak.sh MINUTES.
EXTRA_PROGRAMS += test/it_soak
endif
EXTRA_DIST += test/soak.sh
