# What users meet first: the command line, and the real Linux client.
dist_check_SCRIPTS += \
	test/access.sh \
	test/cli.sh \
	test/completion.sh \
	test/full.sh \
	test/control.sh \
	test/gitnfs.sh \
	test/manual.sh \
	test/rpcbind.sh \
	test/packaging.sh \
	test/portable.sh \
	test/promises.sh \
	test/keep.sh \
	test/layers.sh \
	test/secrets.sh \
	test/spans.sh \
	test/trouble.sh \
	test/kernel/gitnfs.sh \
	test/kernel/mount.sh \
	test/kernel/plain.sh \
	test/kernel/recipes.sh \
	test/kernel/roots.sh \
	test/web.sh

EXTRA_DIST += \
	test/cat.pl test/collector.pl test/mnt.pl \
	.ci/run \
	test/functions.sh \
	test/kernel/README.md \
	test/kernel/big.sh \
	test/kernel/expect \
	test/kernel/guest.sh \
	test/kernel/manifest \
	test/kernel/plain_guest.sh \
	test/kernel/staleness.sh \
	test/kernel/vm \
	test/kernel/xstate.c
