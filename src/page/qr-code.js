// A text as a QR code, which the server computes.

import { Component, html } from "./html.js";

export class QrCode extends Component {
  state = { code: undefined };

  componentDidMount() {
    const { chat, text } = this.props;
    chat.post("/api/v1/qr", { text }).then((code) => this.setState({ code }), () => {}); // the link is enough
  }

  render(_, { code }) {
    return code && html`<svg class="qr-code" viewBox=${`0 0 ${code.size} ${code.size}`} role="img" aria-label="QR code of the link"><path d=${code.path} /></svg>`;
  }
}
