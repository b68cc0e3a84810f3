"""What Alembic runs for every command: on the connection, and in the transaction, that the caller has opened."""

from alembic import context

from actors.store.schema import metadata as of_actors
from fediverse.store.schema import metadata as of_fediverse

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=[of_fediverse, of_actors],
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
