"""Functions, a method, and functions of C between them."""
import functools
import os


class Client(object):
    def connect(self):
        def attempt(a, b):
            # A long gap in bytecode and in lines, so that the line table has something to say.
            x = [a, b, a + b, a - b, a * b, (a, b), {a: b}, [a] * 7, [b] * 9]
            del x











































































































































            os.read(0, 1)  # frame 0: Client.connect.<locals>.attempt
            return a

        return functools.reduce(attempt, [1, 2])  # frame 1: Client.connect

    @classmethod
    def make(cls):
        return cls().connect()  # frame 2: Client.make


def main():
    for _ in range(3):
        sorted([1, 2], key=lambda _: Client.make())  # frame 3: main.<locals>.<lambda>; frame 4: main


if __name__ == '__main__':
    main()  # frame 5: <module>
