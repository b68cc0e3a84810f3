"""The schemas of both packages, and the way from each version to the next.

    hold(url)      this server's lock beside a SQLite file, for `serve`, `migrate` and `restore`
    migrate(url)   an empty database gets its tables, an older one is brought up to date
    check(url)     that the database is at the version this code knows

A revision is never changed once released; the newest one leads to exactly the tables the code has (a test compares).
"""

from actors.migrations.locking import InUse, SchemaError, hold
from actors.migrations.moving import Migrated, Missing, Newer, Older, Unusable, check, migrate

__all__ = ["InUse", "Migrated", "Missing", "Newer", "Older", "SchemaError", "Unusable", "check", "hold", "migrate"]
