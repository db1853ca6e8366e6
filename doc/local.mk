EXTRA_DIST += doc/session.svg doc/growth.data doc/growth.svg doc/performance.md doc/architecture.md doc/control.md doc/forges.md doc/promises.md doc/reliability.md doc/recipes.md
