"""Every act of an organiser, as one function each: the campaign's change, what is owed for it, and a line in the audit.

All take the transaction first; whoever calls opens it (`async with desk.database.write() as tx`), so that an
Idempotency-Key can be claimed in the same one, and nothing is said or kept unless all of it is. No network.

    people         actors, profiles, organisers, destinations
    drafts         a campaign before it opens, and the amounts raised
    acts           the moves: open, goal update, pause, resume, close, expire, withdraw, retract
    saying         what a move obliges us to say, handed to the ledger
    report         who has confirmed and who has not
"""
