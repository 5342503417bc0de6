// A network between browser and desk that cuts and stalls what goes through it.

import { connect, createServer } from 'node:net';

export const cuttingNetwork = async (base) => {
  const desk = new URL(base);
  const open = new Set();
  const server = createServer((client) => {
    const upstream = connect(Number(desk.port), desk.hostname);
    const pair = [client, upstream];
    open.add(pair);
    const end = () => {
      pair.forEach((socket) => socket.destroy());
      open.delete(pair);
    };
    pair.forEach((socket) => socket.on('error', end).on('close', end));
    client.pipe(upstream).pipe(client);
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    base: `http://127.0.0.1:${server.address().port}`,
    /** Ends every connection that chance picks, in the middle of whatever goes through it. */
    cut: (share) => {
      const hit = [...open].filter(() => Math.random() < share);
      hit.forEach((pair) => pair.forEach((socket) => socket.destroy()));
      return hit.length;
    },
    /** Lets nothing through for a while, as a bad radio does. */
    stall: (ms) => {
      const held = [...open].flat();
      held.forEach((socket) => socket.pause());
      setTimeout(() => held.forEach((socket) => socket.resume()), ms);
    },
    close: () => {
      server.close();
      open.forEach((pair) => pair.forEach((socket) => socket.destroy()));
    },
  };
};
