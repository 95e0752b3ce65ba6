"""Fetches a page over a connection made by asyncio with a local_addr.

asyncio_connect.py ADDRESS PORT [SOURCE SOURCE-PORT]
"""

import asyncio
import sys


async def main(address, port, *source):
    local = (source[0], int(source[1])) if source else None
    reader, writer = await asyncio.open_connection(address, int(port), local_addr=local)
    print("local", *writer.get_extra_info("sockname")[:2])
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    print((await reader.read()).decode())
    writer.close()


try:
    asyncio.run(main(*sys.argv[1:]))
except OSError as e:
    sys.exit(f"asyncio: {e}")
