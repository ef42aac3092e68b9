//! Asking what is at a URL that the operator named, such as an issuer's keys, or that a provider of the operator's has named.
//!
//! No redirect is followed and no proxy asked, since both would name another place than the operator did. Each call ends within
//! `TIMEOUT`, and sooner when the fetcher is closed.

use std::time::Duration;

use ureq::config::Config;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::{Agent, RequestBuilder};

use super::connector::DirectConnector;

/// How long it may take, from the name of the host to the end of the answer.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// How long resolving the name, and how long connecting, may take of it.
const STEP_TIMEOUT: Duration = Duration::from_secs(4);
/// Bytes of an answer, at most.
const BYTES_MAX: u64 = 256 * 1024;

/// See the module.
pub struct Fetcher {
    agent: Agent,
}

impl Default for Fetcher {
    fn default() -> Self {
        let config = Config::builder()
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .timeout_resolve(Some(STEP_TIMEOUT))
            .timeout_connect(Some(STEP_TIMEOUT))
            .max_idle_connections(0)
            .max_response_header_size(16 * 1024)
            .user_agent(concat!("roomd/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: Agent::with_parts(config, DirectConnector::default(), DefaultResolver::default()) }
    }
}

/// A request.
#[derive(Clone, Copy)]
pub struct OutgoingRequest<'a> {
    /// Where it goes.
    pub url: &'a str,
    /// Who asks, as the field `Authorization` says it.
    pub authorization: Option<&'a str>,
    /// A form, which is posted; `None`: it is a `GET`.
    pub form: Option<&'a str>,
    /// How long it may take; never longer than ten seconds.
    pub within: Duration,
}

impl OutgoingRequest<'_> {
    /// With what both methods have.
    fn prepared<B>(&self, asked: RequestBuilder<B>) -> RequestBuilder<B> {
        let asked = asked.config().timeout_global(Some(self.within.min(TIMEOUT))).build();
        let asked = asked.header("Accept", "application/json");
        self.authorization.into_iter().fold(asked, |asked, who| asked.header("Authorization", who))
    }
}

impl Fetcher {
    /// What is at the URL. Blocks for so long, and for ten seconds at most.
    ///
    /// # Errors
    /// Why it cannot be read, in a few words.
    pub fn get(&self, url: &str, within: Duration) -> Result<Vec<u8>, String> {
        match self.ask(OutgoingRequest { url, authorization: None, form: None, within })? {
            (200, body) => Ok(body),
            (status, _) => Err(format!("the answer is {status}")),
        }
    }

    /// The status and the body of the answer to a request. Blocks for as long as it may take.
    ///
    /// # Errors
    /// Why there is none, in a few words.
    pub fn ask(&self, request: OutgoingRequest<'_>) -> Result<(u16, Vec<u8>), String> {
        let answer = match request.form {
            Some(form) => {
                let asked = request.prepared(self.agent.post(request.url));
                asked.header("Content-Type", "application/x-www-form-urlencoded").send(form)
            }
            None => request.prepared(self.agent.get(request.url)).call(),
        };
        let mut answer = answer.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(BYTES_MAX).read_to_vec().map_err(|error| error.to_string())?;
        Ok((status, body))
    }

    /// Cuts what is being read; nothing is read any more.
    pub fn close(&self) {
        self.agent.clone().shutdown();
    }
}
