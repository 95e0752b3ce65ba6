import asyncio
import os


async def connect():
    os.read(0, 1)  # frame 0: connect


async def main():
    await asyncio.sleep(0)
    await connect()  # frame 1: main


loop = asyncio.new_event_loop()
loop.run_until_complete(main())
