"""A system call that an extension makes, by way of libffi."""
import ctypes

libc = ctypes.CDLL(None)


def work():
    libc.read(0, ctypes.create_string_buffer(1), 1)  # frame 0: work


work()  # frame 1: <module>
