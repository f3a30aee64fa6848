"""Random houses under random trouble: processes killed and stopped, PostgreSQL killed, full disks, two runs at once.

    make torture SEED=7 ROUNDS=50

After every round the house is that of a model in plain Python, to the row and to the cent.
"""
