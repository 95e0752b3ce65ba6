"""An IRC bot on python3-irc, unchanged: prints the server's notices, and quits once its host name is looked up.

bot.py ADDRESS PORT
"""

import sys

import irc.client


def on_line(connection, event):
    line = event.arguments[0]
    if line.split()[1] != "NOTICE":
        return
    print(line, flush=True)
    if ":*** Looking up your hostname" in line:
        print("local", *connection.socket.getsockname())
        connection.quit()
        sys.exit(0)


def on_disconnect(connection, event):
    sys.exit("bot: disconnected: " + " ".join(event.arguments))


client = irc.client.IRC()
client.add_global_handler("all_raw_messages", on_line)
client.add_global_handler("disconnect", on_disconnect)
try:
    client.server().connect(sys.argv[1], int(sys.argv[2]), "sallyport")
except irc.client.ServerConnectionError as e:
    sys.exit(f"bot: {e}")
client.process_forever()
