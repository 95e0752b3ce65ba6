import os

os.read(0, 1)  # frame 0: <module>
