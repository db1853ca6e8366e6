EXTRA_DIST += doc/architecture.md doc/control.md doc/promises.md
