"""What each benchmark measures, in words that the page shows above its figures."""

from __future__ import annotations

from benchmarks.erasing import DELETES
from benchmarks.erasing import OURS as SWEEP
from benchmarks.jobs import ARRAY_MEMORY_MB, ENGINE, OURS
from benchmarks.pseudonyms import DIGESTS, VAULT

HOW = """
Written by `make bench`, never by hand. The machine may be shared and noisy, so times are no claims: the jobs run in
interleaved rounds (A B C, then C B A), and a claim is the median of the ratios of the rounds, counted by its lower 95 %
bound (bootstrap). A ratio is the other's time by ours in the same round: above 1 ours is faster. Where the outputs
differ it is 0. Ratios that are lost stand here like the others.
"""

B1 = (
    f"""
    `{OURS}` in a fresh project: read, check strictly, give every unit one verdict, keep all raw records and verdicts in
    bronze and the accepted units in silver (Delta, zstd), sum a model in PostgreSQL, prove the counts. Every commit is
    durable. The start of the process and of PostgreSQL is counted. Pseudonymisation comes with a later version and is
    no part of this measurement yet.
    """,
    f"""
    The peers do less: the same rules, net amounts and first-come keys, accepted lines and refused orders to Parquet.
    They keep no raw records, do not tell a duplicate from a conflict, and read leniently: the file holds nothing that
    only a strict reader finds. Equal output means the same accepted customers and lines, each with its cents. Plain
    DuckDB copies the nested file to Parquet and checks nothing; its records are counted. '{ENGINE}' is the same run
    with a clock around the engine's part: hashes, check, verdicts, bronze and silver commits, without PostgreSQL.
    'work' is what a job says its work took after its start and imports (Spark's session counts as work); 'work ratio'
    holds that against the engine alone.
    """,
)

B2 = (
    """
    The engine's part with the shipped contract, and with one that reads the same members and has no rules: nothing
    required, no key, no money, no VAT. Both must keep the same number of records. The goal is about the work ratio.
    """,
)

B11 = (
    """
    `tillage run` with one day's file in a project that has a history, and in one whose history is ten times as large;
    the day is the same, a hundredth of the longer history, and every tenth line of it came before. The start of the
    process and of PostgreSQL is counted, the copying of the project is not. Both must accept the same orders. The goal
    is that the longer history costs at most 1.3 times as much.
    """,
)

ARRAY = (
    f"""
    The same records as one JSON array (`format: json`) and as lines, each by `{OURS}` with
    `TILLAGE_MEMORY_MB={ARRAY_MEMORY_MB}`: what the engine may hold, where the rest of the limit is Python, PostgreSQL
    and the batch in hand.
    """,
)

B5 = (
    """
    One process each answers GET /spend/{customerId} for some 100,000 customers, who are asked for by Zipf's law over 64
    connections, all on this machine, with PostgreSQL and the load on the same cores. Both servers are up all the time
    and take turns. The peer is FastAPI on uvicorn with uvloop and httptools, with a pool of asyncpg of as many
    connections as ours and one prepared statement for each request, from a table of its own with a primary key. Ours
    asks for many keys at once, keeps nothing between requests, and says with each answer of which loads it is.
    """,
    """
    Before anything is counted, both must answer 200 customers alike, compared as decimals. A ratio is requests a second
    of ours by the peer's, and the peer's p99 by ours, of the same round. CPU is of the server's processes alone.
    """,
)

B9 = (
    f"""
    Rows about people, 20 for each (at scale 1: 10 million rows, 1,000 people to be erased; at a smaller one fewer of
    both). '{SWEEP}' is an erasure as `tillage erase` does it: records out of bronze, the landed file, the vault and
    PostgreSQL's files, then a search of every byte and a signed receipt. '{DELETES}' deletes each person from a
    Delta table of the same rows, then vacuums it; raw files, other copies and the log, in which the ids stand, are not
    its concern, and it proves nothing. 'work' begins when the rows are there. What a sweep costs hardly grows with the
    number of people, and deletes do. Equal output means the same rows that are left.
    """,
)
RETAIL = (
    f"""
    A month of hourly files of the second example, in one `{OURS}` of a fresh project: its contracts, people into the
    vault, references, statistics of each file, two models, and both mirrors, files and tables with foreign keys. The
    start of the process and of PostgreSQL is counted.
    """,
    """
    The peer is a loop over the files, customers and products first: each is read by pandas, held against the same
    rules, keys and references, people become an HMAC, what is right is written as the same file and put into
    PostgreSQL by asyncpg, one transaction a file, with the same keys. It keeps no raw records, no reasons, no
    statistics and no people, and a file that comes late, twice or while it dies is not its concern; its PostgreSQL is
    up before the clock starts. Equal output means the same records in the same processed files.
    """,
)

B8 = (
    f"""
    Rows with the id of a person, 20 for each person (at scale 1: 10 million rows, 500,000 people), get a key in its
    place. '{DIGESTS}' is the step of a load in which people leave the data, with an HMAC-SHA256 as the key, so that the
    work is that of the peers; '{VAULT}' is the same step as it is in a first load: everybody is added to a vault in
    PostgreSQL, durably, and gets a random key. The peers compute an HMAC for each row. 'work' is that step alone, from
    rows in memory to rows in memory, and the goal is about it. Equal output means rows that belong together in the same
    way.
    """,
)
