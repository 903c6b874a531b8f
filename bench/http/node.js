// node.js - an HTTP server with one answer, on node's own module.
//
// Its handler runs on one thread, whatever WORKERS says.
//
// SPDX-License-Identifier: MIT
const http = require('http');

http.createServer((request, response) => {
    response.writeHead(200, {'Content-Type': 'text/plain', 'Content-Length': 13});
    response.end('Hello, world\n');
}).listen({port: Number(process.argv[4]), host: '127.0.0.1', backlog: 4096});
