import os


def steps():
    yield 1
    yield os.read(0, 1)  # frame 0: steps
    yield 3


def main():
    return list(x for x in steps())  # frame 1: main.<locals>.<genexpr>; frame 2: main


main()  # frame 3: <module>
