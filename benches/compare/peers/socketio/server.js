// A chat on Socket.IO, after its own tutorial: rooms are Socket.IO's rooms, and what comes in is emitted to its room.
//
// One process and so one thread. Clients come by WebSocket at once, without the long polling that a browser begins with;
// all else is Socket.IO's default. The backlog of the listener is 4 096. A newcomer is greeted, so that a load knows when
// it is in.
'use strict';
const { createServer } = require('node:http');
const { Server } = require('socket.io');

const http = createServer();
const io = new Server(http);

io.on('connection', (socket) => {
  let room;
  socket.on('join', (name) => {
    room = name;
    socket.join(room);
    socket.emit('chat message', 'load joined the room');
  });
  socket.on('chat message', (text) => io.to(room).emit('chat message', text));
});

http.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  const { version } = require('socket.io/package.json');
  console.log(`Socket.IO ${version} on Node ${process.version} listening on http://127.0.0.1:${http.address().port}`);
});
