import os
import threading


def idle(event):
    event.wait()


event = threading.Event()
others = [threading.Thread(target=idle, args=(event,)) for _ in range(5)]
for t in others:
    t.start()
os.read(0, 1)  # frame 0: <module>
event.set()
