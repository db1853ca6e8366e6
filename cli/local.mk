bin_PROGRAMS += gitnfs
gitnfs_SOURCES = \
	cli/attach.c cli/attach.h \
	cli/cli.h \
	cli/doctor.c \
	cli/main.c \
	cli/mount.c \
	cli/mounts.c cli/mounts.h \
	cli/options.c \
	cli/serve.c cli/serve.h \
	cli/simple.c \
	cli/status.c \
	cli/talk.c cli/talk.h \
	cli/text.c cli/text.h \
	cli/trace.c \
	cli/warm.c
gitnfs_CPPFLAGS = $(AM_CPPFLAGS) -DSBINDIR='"$(sbindir)"'
gitnfs_LDADD = $(common_libs) $(GIT2_LIBS) $(JSON_LIBS)
