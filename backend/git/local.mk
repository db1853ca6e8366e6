# The backend for repositories elsewhere.
libbackend_a_SOURCES += \
	backend/git/batch.c backend/git/batch.h \
	backend/git/circuit.c backend/git/circuit.h \
	backend/git/cred.c backend/git/cred.h \
	backend/git/git.c \
	backend/git/http.c backend/git/http.h \
	backend/git/origin.c backend/git/origin.h \
	backend/git/pack.c backend/git/pack.h \
	backend/git/pipes.c backend/git/pipes.h \
	backend/git/pkt.c backend/git/pkt.h \
	backend/git/program.c backend/git/program.h \
	backend/git/protocol.c backend/git/protocol.h \
	backend/git/smart.c backend/git/smart.h \
	backend/git/stream.h \
	backend/git/transport.h \
	backend/git/wait.h \
	backend/git/wants.c backend/git/wants.h
