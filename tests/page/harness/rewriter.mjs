// An HTTP proxy before a server that can change what the server sends, as a newer build of it would.

import http from "node:http";
import net from "node:net";
import { once } from "node:events";

export class Rewriter {
  #listener;
  #sockets = new Set();
  #rewrite = (path, text) => text;
  port;

  static async before(server) {
    const rewriter = new Rewriter();
    rewriter.#listener = http.createServer((request, response) => rewriter.#answer(server, request, response));
    rewriter.#listener.on("upgrade", (request, near, head) => rewriter.#join(server, request, near, head));
    rewriter.#listener.listen(0, "127.0.0.1");
    await once(rewriter.#listener, "listening");
    rewriter.port = rewriter.#listener.address().port;
    return rewriter;
  }

  get http() {
    return `http://127.0.0.1:${this.port}`;
  }

  // From now on, `rewrite(path, text)` is what is sent for a script.
  rewrite(rewrite) {
    this.#rewrite = rewrite;
  }

  // Closes all WebSockets.
  cut() {
    for (const socket of this.#sockets) socket.destroy();
  }

  async #answer(server, request, response) {
    const { method, url, headers } = request;
    const { "accept-encoding": _, "if-none-match": __, "if-modified-since": ___, ...rest } = headers;
    const asked = http.request({ port: server.port, host: "127.0.0.1", method, path: url, headers: rest });
    request.pipe(asked);
    const [answer] = await once(asked, "response");
    const bytes = Buffer.concat(await answer.toArray());
    const isScript = answer.headers["content-type"]?.startsWith("text/javascript");
    const body = isScript ? Buffer.from(this.#rewrite(url, bytes.toString())) : bytes;
    const { etag, "last-modified": ____, "content-length": _____, ...fields } = answer.headers;
    response.writeHead(answer.statusCode, { ...fields, "content-length": body.length }).end(body);
  }

  #join(server, { url, rawHeaders }, near, head) {
    const far = net.connect(server.port, "127.0.0.1");
    const lines = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${rawHeaders[i + 1]}`] : []));
    far.write(`GET ${url} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
    far.write(head);
    for (const [one, other] of [[near, far], [far, near]]) {
      this.#sockets.add(one);
      one.on("error", () => {});
      one.on("close", () => this.#sockets.delete(one) && other.destroy());
      one.pipe(other);
    }
  }

  end() {
    this.cut();
    this.#listener.close();
    this.#listener.closeAllConnections();
  }
}
