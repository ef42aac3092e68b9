// A receiver of webhooks that verifies them with npm's standardwebhooks, and prints what it is told, a line each.
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.SECRET);
const server = createServer(async (request, response) => {
    let body = "";
    request.setEncoding("utf8");
    for await (const part of request) body += part;
    try {
        console.log(JSON.stringify(webhook.verify(body, request.headers)));
        response.statusCode = 204;
    } catch (error) {
        console.log(JSON.stringify({ error: error.message }));
        response.statusCode = 400;
    }
    response.end();
});
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log(server.address().port));
