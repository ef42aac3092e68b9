// Says something by a hook, with npm's @slack/webhook.
import { IncomingWebhook } from "@slack/webhook";

const answer = await new IncomingWebhook(process.argv[2]).send({
    text: "from <https://node.example|node>",
    attachments: [{ title: "Build 7", text: "failed", fallback: "never shown" }],
});
console.log(answer.text);
