// Files on their way up: one request each with progress, by a pass that the socket gave, never in an address (MSG-60).

export const FILE_BYTES_MAX = 25 * 1_024 * 1_024;

/** Sends files and gives their ids; `pass()` promises `{path, token}`. */
export class Uploads {
  constructor(pass) {
    this.pass = pass;
  }

  /** Starts one; `changed` is called as it moves. `item.id` is set at the end, or `item.error`. */
  start(file, changed) {
    const item = { key: crypto.randomUUID(), name: file.name || 'file', size: file.size, type: file.type, done: 0, id: null, error: null };
    if (file.type.startsWith('image/')) item.preview = URL.createObjectURL(file);
    item.cancel = () => item.request?.abort();
    item.finished = this.run(item, file, changed);
    return item;
  }

  async run(item, file, changed) {
    try {
      if (file.size > FILE_BYTES_MAX) throw new Error('too_large');
      if (file.size === 0) throw new Error('empty');
      const pass = await this.pass();
      item.id = await this.put(item, file, pass, changed);
    } catch (error) {
      item.error = error.message;
    }
    changed();
    return item;
  }

  put(item, file, pass, changed) {
    return new Promise((done, fail) => {
      const request = new XMLHttpRequest();
      item.request = request;
      request.open('POST', new URL(pass.path, location.origin));
      request.setRequestHeader('authorization', `Bearer ${pass.token}`);
      request.setRequestHeader('content-type', file.type || 'application/octet-stream');
      request.setRequestHeader('x-file-name', encodeURIComponent(item.name));
      request.upload.onprogress = (event) => {
        item.done = event.total ? event.loaded / event.total : 0;
        changed();
      };
      request.onload = () => {
        let answer = {};
        try {
          answer = JSON.parse(request.responseText);
        } catch {
          // An answer of a proxy: its status says enough.
        }
        if (request.status === 200 && answer.id) done(answer.id);
        else fail(new Error(request.status === 413 ? 'too_large' : answer.errors?.[0]?.message ?? 'failed'));
      };
      request.onerror = () => fail(new Error('failed'));
      request.onabort = () => fail(new Error('cancelled'));
      request.send(file);
    });
  }
}

/** The address of a file of a part, at this server whatever name it has for others. */
export const fileAddress = (url) => {
  const parsed = new URL(url, location.href);
  return new URL(parsed.pathname, location.origin).href;
};
