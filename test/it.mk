# The whole server in the test program: see HACKING.md.
EXTRA_DIST += test/oddrepo.sh
dist_check_SCRIPTS += test/layers.sh test/portable.sh

if HAVE_LIBNFS
check_LIBRARIES += libit.a
libit_a_SOURCES = \
	test/call.c test/call.h \
	test/fake.c test/fake.h \
	test/git.c test/git.h \
	test/harness.c test/harness.h \
	test/must.h \
	test/raw.c test/raw.h
libit_a_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)

it_cflags = $(AM_CFLAGS) $(CHECK_CFLAGS)
it_libs = libit.a $(nfsd_libs) $(CHECK_LIBS)

check_PROGRAMS += \
	test/it_access \
	test/it_big \
	test/it_crowd \
	test/it_conformance \
	test/it_faults \
	test/it_held \
	test/it_hostile \
	test/it_levels \
	test/it_memo \
	test/it_moves \
	test/it_names \
	test/it_nfs3 \
	test/it_oracle \
	test/it_park \
	test/it_portmap \
	test/it_readdir \
	test/it_reload \
	test/it_rpc \
	test/it_shortage \
	test/it_stress \
	test/it_truncated \
	test/it_upgrade
test_it_access_SOURCES = test/it_access.c
test_it_access_CFLAGS = $(it_cflags)
test_it_access_LDADD = $(it_libs)
test_it_big_SOURCES = test/it_big.c
test_it_big_CFLAGS = $(it_cflags)
test_it_big_LDADD = $(it_libs)
test_it_crowd_SOURCES = test/it_crowd.c
test_it_crowd_CFLAGS = $(it_cflags)
test_it_crowd_LDADD = $(it_libs)
test_it_conformance_SOURCES = test/it_conformance.c
test_it_conformance_CFLAGS = $(it_cflags)
test_it_conformance_LDADD = $(it_libs)
test_it_faults_SOURCES = test/it_faults.c
test_it_faults_CFLAGS = $(it_cflags)
test_it_faults_LDADD = $(it_libs)
test_it_held_SOURCES = test/it_held.c
test_it_held_CFLAGS = $(it_cflags)
test_it_held_LDADD = $(it_libs)
test_it_hostile_SOURCES = test/it_hostile.c
test_it_hostile_CFLAGS = $(it_cflags)
test_it_hostile_LDADD = $(it_libs)
test_it_levels_SOURCES = test/it_levels.c
test_it_levels_CFLAGS = $(it_cflags)
test_it_levels_LDADD = $(it_libs)
test_it_memo_SOURCES = test/it_memo.c
test_it_memo_CFLAGS = $(it_cflags)
test_it_memo_LDADD = $(it_libs)
test_it_moves_SOURCES = test/it_moves.c
test_it_moves_CFLAGS = $(it_cflags)
test_it_moves_LDADD = $(it_libs)
test_it_names_SOURCES = test/it_names.c
test_it_names_CFLAGS = $(it_cflags)
test_it_names_LDADD = $(it_libs)
test_it_nfs3_SOURCES = test/it_nfs3.c
test_it_nfs3_CFLAGS = $(it_cflags)
test_it_nfs3_LDADD = $(it_libs)
test_it_oracle_SOURCES = test/it_oracle.c
test_it_oracle_CFLAGS = $(it_cflags) $(NFS_CFLAGS)
test_it_oracle_LDADD = $(it_libs) $(NFS_LIBS)
test_it_park_SOURCES = test/it_park.c
test_it_park_CFLAGS = $(it_cflags)
test_it_park_LDADD = $(it_libs)
test_it_portmap_SOURCES = test/it_portmap.c test/port.h
test_it_portmap_CFLAGS = $(it_cflags)
test_it_portmap_LDADD = $(it_libs)
test_it_readdir_SOURCES = test/it_readdir.c
test_it_readdir_CFLAGS = $(it_cflags)
test_it_readdir_LDADD = $(it_libs)
# The program itself, with a client that is not ours.
daemon_sources = test/daemon.c test/daemon.h
test_it_reload_SOURCES = test/it_reload.c $(daemon_sources)
test_it_reload_CFLAGS = $(it_cflags) $(NFS_CFLAGS)
test_it_reload_LDADD = $(it_libs) $(NFS_LIBS)
test_it_upgrade_SOURCES = test/it_upgrade.c $(daemon_sources)
test_it_upgrade_CFLAGS = $(it_cflags) $(NFS_CFLAGS)
test_it_upgrade_LDADD = $(it_libs) $(NFS_LIBS)
test_it_rpc_SOURCES = test/it_rpc.c
test_it_rpc_CFLAGS = $(it_cflags)
test_it_rpc_LDADD = $(it_libs)
test_it_shortage_SOURCES = test/it_shortage.c
test_it_shortage_CFLAGS = $(it_cflags)
test_it_shortage_LDADD = $(it_libs)
test_it_shortage_LDFLAGS = -Wl,--wrap=write -Wl,--wrap=pwrite -Wl,--wrap=fsync \
	-Wl,--wrap=fdatasync -Wl,--wrap=ftruncate -Wl,--wrap=open \
	-Wl,--wrap=openat -Wl,--wrap=accept4 -Wl,--wrap=malloc \
	-Wl,--wrap=calloc -Wl,--wrap=realloc -Wl,--wrap=strdup \
	-Wl,--wrap=strndup -Wl,--wrap=asprintf -Wl,--wrap=open_memstream \
	-Wl,--wrap=mmap -Wl,--wrap=utf8proc_map
test_it_stress_SOURCES = test/it_stress.c
test_it_stress_CFLAGS = $(it_cflags)
test_it_stress_LDADD = $(it_libs)

test_it_truncated_SOURCES = test/it_truncated.c
test_it_truncated_CFLAGS = $(it_cflags)
test_it_truncated_LDADD = $(it_libs)

# By hand: soak.sh MINUTES.
EXTRA_PROGRAMS += test/it_soak
test_it_soak_SOURCES = test/it_soak.c
test_it_soak_CFLAGS = $(it_cflags)
test_it_soak_LDADD = $(it_libs)
endif
EXTRA_DIST += test/soak.sh
