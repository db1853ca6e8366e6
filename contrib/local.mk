EXTRA_DIST += \
	contrib/Dockerfile \
	contrib/compose.yaml \
	contrib/fstab \
	contrib/gitnfs.conf \
	contrib/gitnfsd.service \
	contrib/gitnfsd.socket \
	contrib/grafana/gitnfs.json \
	contrib/homebrew/gitnfs.rb.in \
	contrib/kubernetes.yaml \
	contrib/launchd/org.gitnfs.gitnfsd.plist \
	contrib/mnt-git.automount \
	contrib/mnt-git.mount \
	contrib/rpm/gitnfs.spec \
	contrib/sysusers.d/gitnfs.conf \
	contrib/tmpfiles.d/gitnfs.conf \
	debian/changelog \
	debian/control \
	debian/copyright \
	debian/gitnfs.README.Debian \
	debian/gitnfs.docs \
	debian/gitnfs.examples \
	debian/gitnfs.install \
	debian/gitnfs.postrm \
	debian/gitnfs.prerm \
	debian/rules \
	debian/source/format \
	debian/tests/control \
	debian/tests/smoke

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

# Packages, of the tarball: package/gitnfs_*.deb, package/gitnfs.rb, and an RPM
# in package/RPMS.  configure would fill in a whole @VERSION@ here.
packages = package
deb: dist
	rm -rf "$(packages)/$(distdir)" && $(MKDIR_P) "$(packages)"
	cp $(distdir).tar.xz "$(packages)/$(PACKAGE)_$(VERSION).orig.tar.xz"
	cd "$(packages)" && tar xf "$(abs_builddir)/$(distdir).tar.xz" && \
		cd $(distdir) && dpkg-buildpackage -us -uc
rpm: dist
	$(MKDIR_P) "$(packages)"
	rpmbuild -ta --define "_topdir `cd "$(packages)" && pwd`" $(RPMFLAGS) \
		$(distdir).tar.xz
formula: dist
	$(MKDIR_P) "$(packages)"
	sha256=`openssl dgst -sha256 -r "$(distdir).tar.xz" | cut -d' ' -f1` && \
	sed -e "s,[@]VERSION@,$(VERSION),; s,[@]SHA256@,$$sha256," \
		$(srcdir)/contrib/homebrew/gitnfs.rb.in >"$(packages)/gitnfs.rb"
.PHONY: deb rpm formula
