import os, socket, sys

s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
s.bind((os.environ['OPENSHIFT_PYTHON_IP'], 0))
s.connect((sys.argv[1], int(sys.argv[2])))
print('connected from %s:%d' % s.getsockname())
print(s.makefile().readline(), end='')
