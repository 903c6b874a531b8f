# python.py - an echo server on asyncio, by protocols, which are faster there than streams.
# SPDX-License-Identifier: MIT
import asyncio
import sys


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", int(sys.argv[3]), backlog=4096)
    await server.serve_forever()


asyncio.run(main())
