bin_PROGRAMS += gitnfs
gitnfs_SOURCES = \
	cli/address.c cli/address.h \
	cli/attach.c cli/attach.h \
	cli/cli.h \
	cli/doctor.c cli/doctor.h cli/doctor_here.c \
	cli/keep.c \
	cli/main.c \
	cli/mount.c \
	cli/mounts.c cli/mounts.h \
	cli/options.c \
	cli/say.c \
	cli/serve.c cli/serve.h \
	cli/simple.c \
	cli/source.c cli/source.h \
	cli/status.c \
	cli/talk.c cli/talk.h \
	cli/text.c cli/text.h \
	cli/trace.c \
	cli/warm.c
gitnfs_CPPFLAGS = $(AM_CPPFLAGS) -DSBINDIR='"$(sbindir)"'
gitnfs_LDADD = $(common_libs) $(GIT2_LIBS) $(JSON_LIBS)

# gitnfs knows itself by this name, too.
if MOUNT_HELPER
install-exec-hook:
	$(MKDIR_P) "$(DESTDIR)$(mounthelperdir)"
	cd "$(DESTDIR)$(mounthelperdir)" && rm -f mount.gitnfs && \
		$(LN_S) "$(bindir)/gitnfs" mount.gitnfs
uninstall-hook:
	rm -f "$(DESTDIR)$(mounthelperdir)/mount.gitnfs"
dist_man_MANS += man/mount.gitnfs.8
else
EXTRA_DIST += man/mount.gitnfs.8
endif
