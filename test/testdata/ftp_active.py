"""Fetches the file "hello" by FTP in active mode: the client binds, listens and accepts.

ftp_active.py ADDRESS
"""

import ftplib
import sys

try:
    with ftplib.FTP(sys.argv[1], timeout=20) as ftp:
        ftp.login()
        ftp.set_pasv(False)
        ftp.retrlines("RETR hello")
        ftp.quit()
except OSError as e:
    sys.exit(f"ftp: {e}")
