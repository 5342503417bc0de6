// A mail client's way in: one message by LMTP (RFC 2033).

import { connect } from 'node:net';

/** Delivers `message` and resolves when the desk has said 250 to it. */
export const deliver = (address, from, to, message) => new Promise((done, fail) => {
  const [host, port] = [address.slice(0, address.lastIndexOf(':')), Number(address.slice(address.lastIndexOf(':') + 1))];
  const body = message.replace(/\r?\n/g, '\r\n').replace(/^\./gm, '..');
  const steps = [['220', 'LHLO client.example'], ['250', `MAIL FROM:<${from}>`], ['250', `RCPT TO:<${to}>`], ['250', 'DATA'], ['354', `${body}\r\n.`], ['250', 'QUIT'], ['221', null]];
  const socket = connect(port, host);
  let text = '';
  let at = 0;
  socket.setEncoding('utf8');
  socket.on('error', fail);
  socket.on('data', (chunk) => {
    text += chunk;
    for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
      const line = text.slice(0, end);
      text = text.slice(end + 2);
      if (line[3] === '-') continue;
      const [code, next] = steps[at];
      if (!line.startsWith(code)) {
        socket.destroy();
        fail(new Error(`${line} instead of ${code}`));
        return;
      }
      at += 1;
      if (next === null) {
        socket.end();
        done();
      } else {
        socket.write(`${next}\r\n`);
      }
    }
  });
});
