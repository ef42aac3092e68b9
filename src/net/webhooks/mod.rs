//! Sending to webhooks: one request at a time for each thread that calls, over HTTP or HTTPS.
//!
//! A name is resolved for each connection, and the addresses that may not be reached (`addresses.rs`) are left out before
//! anything is connected to: what was checked is what is connected to. Redirects are not followed, and no proxy is asked,
//! since both would name another address. Each call ends within `TIMEOUT`.

pub mod addresses;

use std::sync::Arc;
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use ureq::{Agent, Error};

use self::addresses::Reachable;
use super::connector::DirectConnector;
use crate::chat::webhook::WebhookUrl;
use crate::engine::webhooks::sender::{SignedDelivery, WebhookAnswer, WebhookSender};
use crate::settings::WebhookTarget;

/// How long one delivery may take, from the name of the host to the end of the answer.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How long resolving the name, and how long connecting, may take of it.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an answer's body that are read; the rest is left.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;
/// How long a connection is kept for the next delivery.
const IDLE: Duration = Duration::from_secs(2);

/// See the module.
pub struct HttpSender {
    agent: Agent,
    reachable: Arc<Reachable>,
}

impl HttpSender {
    /// Sends to public addresses, and to those that are `allowed`.
    #[must_use]
    pub fn new(allowed: Vec<WebhookTarget>) -> Self {
        let config = Config::builder()
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .timeout_resolve(Some(STEP_TIMEOUT))
            .timeout_connect(Some(STEP_TIMEOUT))
            .max_idle_age(IDLE)
            .max_response_header_size(16 * 1024)
            .user_agent(concat!("roomd/", env!("CARGO_PKG_VERSION")))
            .build();
        let reachable = Arc::new(Reachable::new(allowed));
        let resolver = CheckedResolver { names: DefaultResolver::default(), reachable: Arc::clone(&reachable) };
        Self { agent: Agent::with_parts(config, DirectConnector::default(), resolver), reachable }
    }
}

impl HttpSender {
    /// Allows these from now on, in the place of those that were allowed. A connection that is kept open is used on, for
    /// two seconds at most.
    pub fn allow(&self, allowed: Vec<WebhookTarget>) {
        self.reachable.allow(allowed);
    }
}

impl WebhookSender for HttpSender {
    fn check(&self, url: &WebhookUrl) -> Result<(), String> {
        let uri: Uri = url.as_str().parse().map_err(|error| format!("The address is not valid: {error}"))?;
        let host = uri.host().unwrap_or_default();
        match host.trim_matches(['[', ']']).parse() {
            Ok(ip) if !self.reachable.permits(host, ip) => Err(addresses::REFUSED.to_owned()),
            _ => Ok(()),
        }
    }

    fn send(&self, url: &WebhookUrl, delivery: &SignedDelivery) -> WebhookAnswer {
        let SignedDelivery { id, timestamp, signature, body } = delivery;
        let request = self.agent.post(url.as_str()).header("Content-Type", "application/json");
        let request = request.header("webhook-id", id).header("webhook-timestamp", timestamp.to_string());
        match request.header("webhook-signature", signature).send(&body[..]) {
            Ok(mut response) => {
                // Read, so that the connection can be used again; what it says is nobody's concern.
                _ = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
                let retry_after = response.headers().get("Retry-After").and_then(|value| value.to_str().ok());
                let retry_after = retry_after.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
                WebhookAnswer::Status { status: response.status().as_u16(), retry_after }
            }
            Err(error) => WebhookAnswer::Failed(words(&error)),
        }
    }

    fn close(&self) {
        self.agent.clone().shutdown();
    }
}

/// What went wrong, in a few words.
fn words(error: &Error) -> String {
    match error {
        Error::HostNotFound => "the host has no address".to_owned(),
        Error::Timeout(_) => "no answer in time".to_owned(),
        Error::Io(error) => error.to_string(),
        Error::Other(error) => error.to_string(),
        error => error.to_string(),
    }
}

/// A resolver that finds no address which may not be reached.
#[derive(Debug)]
struct CheckedResolver {
    names: DefaultResolver,
    reachable: Arc<Reachable>,
}

impl Resolver for CheckedResolver {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().unwrap_or_default();
        let found = self.names.resolve(uri, config, timeout)?;
        let mut permitted = self.empty();
        for address in found.iter().filter(|address| self.reachable.permits(host, address.ip())) {
            permitted.push(*address);
        }
        if permitted.is_empty() { Err(Error::Other(addresses::REFUSED.into())) } else { Ok(permitted) }
    }
}
