"""`make torture`: prints what was survived, or what was wrong and how to see it again."""

from __future__ import annotations

import argparse
import signal
import sys
from random import SystemRandom

from tests.torture.house import WrongError
from tests.torture.torture import torture

_MANY = 10_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="make torture", description=__doc__)
    parser.add_argument("--seed", type=int, help="of the houses and of everything done to them; default: a new one")
    parser.add_argument("--rounds", type=int, help="default: 50, or as many as --kills takes")
    parser.add_argument("--kills", type=int, help="until so often was killed or stopped, which most commands then are")
    parser.add_argument("--minutes", type=float, default=60, help="no round begins later")
    parser.add_argument("--at-once", type=int, default=2, help="houses at a time")
    arguments = parser.parse_args()
    seed = SystemRandom().randrange(10**6) if arguments.seed is None else arguments.seed
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM)
    )  # unwinds, so that no store is left running
    rounds = arguments.rounds or (_MANY if arguments.kills else 50)
    same = f"SEED={seed} ROUNDS={rounds}" + (f" KILLS={arguments.kills}" if arguments.kills else "")
    print(same, flush=True)
    try:
        tally = torture(
            seed,
            rounds,
            kills=arguments.kills,
            at_once=arguments.at_once,
            limit_s=60 * arguments.minutes,
            say=lambda line: print(line, flush=True),
        )
    except WrongError as wrong:
        print(wrong)
        print(f"again: make torture {same}")
        return 1
    print(tally)
    return 0


if __name__ == "__main__":
    sys.exit(main())
