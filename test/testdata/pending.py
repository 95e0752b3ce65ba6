# Connects without waiting: by asyncio to a port that refuses, by a timeout to one that is silent.
import asyncio
import sys
import urllib.request


async def fetch(host):
    try:
        await asyncio.open_connection(host, 9)
    except OSError as e:
        print(e)


def get(host):
    try:
        urllib.request.urlopen("http://%s:9001/" % host, timeout=1.2)
    except OSError as e:
        print(e)


asyncio.run(fetch(sys.argv[1]))
get(sys.argv[1])
