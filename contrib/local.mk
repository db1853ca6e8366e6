EXTRA_DIST += contrib/grafana/gitnfs.json
bashcompletiondir = $(datadir)/bash-completion/completions
zshcompletiondir = $(datadir)/zsh/site-functions
fishcompletiondir = $(datadir)/fish/vendor_completions.d
dist_zshcompletion_DATA = contrib/completion/_gitnfs
dist_fishcompletion_DATA = contrib/completion/gitnfs.fish
# bash loads it by the name of the command.
EXTRA_DIST += contrib/completion/gitnfs.bash
install-data-local:
	$(MKDIR_P) "$(DESTDIR)$(bashcompletiondir)"
	$(INSTALL_DATA) $(srcdir)/contrib/completion/gitnfs.bash \
		"$(DESTDIR)$(bashcompletiondir)/gitnfs"
uninstall-local:
	rm -f "$(DESTDIR)$(bashcompletiondir)/gitnfs"
