// A chat on ws, after the broadcast example of its README: what comes in is sent to every open socket of its room.
//
// One process and so one thread, as an ordinary Node program is. Compression is off, which is the default, and the backlog
// of the listener is 4 096, or a burst of connections would wait for the kernel. Beyond the example: there are rooms, and
// a newcomer is greeted, so that a load knows when it is in.
'use strict';
const { WebSocket, WebSocketServer } = require('ws');

const rooms = new Map();
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, backlog: 4096 });

server.on('listening', () => {
  const { version } = require('ws/package.json');
  console.log(`ws ${version} on Node ${process.version} listening on http://127.0.0.1:${server.address().port}`);
});

server.on('connection', (socket, request) => {
  const name = new URL(request.url, 'http://localhost').searchParams.get('room');
  let room = rooms.get(name);
  if (!room) rooms.set(name, (room = new Set()));
  room.add(socket);
  socket.on('error', console.error);
  socket.on('close', () => room.delete(socket));
  socket.on('message', (data, isBinary) => {
    for (const client of room) {
      if (client.readyState === WebSocket.OPEN) client.send(data, { binary: isBinary });
    }
  });
  socket.send('load joined the room');
});
