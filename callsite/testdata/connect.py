"""A connect that waits: the listener's queue is full."""
import socket

listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
listener.bind(('127.0.0.1', 0))
listener.listen(0)
clients = []


def connect(wait):
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    clients.append(client)
    client.setblocking(wait)
    client = getattr(client, '_sock', client)  # Python 2's socket has a frame of its own
    client.connect(listener.getsockname())  # frame 0: connect


for _ in range(4):
    try:
        connect(False)
    except (OSError, socket.error):
        pass
connect(True)  # frame 1: <module>
