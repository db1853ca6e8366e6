noinst_LIBRARIES += libbackend.a
libbackend_a_SOURCES = \
	backend/backend.c backend/backend.h \
	backend/cat.c backend/cat.h \
	backend/local.c
backend_libs = libbackend.a $(GIT2_LIBS)
