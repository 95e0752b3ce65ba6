import os
import threading


def work():
    os.read(0, 1)  # frame 0: work


def idle(event):
    event.wait()


event = threading.Event()
others = [threading.Thread(target=idle, args=(event,)) for _ in range(5)]
for t in others[:3]:
    t.start()
thread = threading.Thread(target=work)
thread.start()
for t in others[3:]:
    t.start()
thread.join()
event.set()
