//! Logging in at OpenID Connect providers: OpenID Connect Core 1.0, the authorization code flow (§3.1) with PKCE (RFC 7636).
//!
//! A provider is asked on a thread of its own, `login`, since TLS and the verification of a token take more stack than a reader may keep;
//! the reader waits for it. There are few such threads, and fewer for one address. All that one login asks takes `PATIENCE` at most. What a
//! provider says of itself, and its keys, are remembered for some minutes. What begins at a provider is not: see `attempt.rs`.
//!
//! A library for this would bring an HTTP client and a second implementation of tokens; the verification is there (`auth::jwt`), and what
//! is left is three requests.

pub mod attempt;
mod claims;
mod exchange;
pub mod form;
mod metadata;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::exchange::CodeExchange;
use self::metadata::Metadata;
use super::fetch::Fetcher;
use crate::auth::{Claimed, IdTokenRules};
use crate::chat::{Code, IdentityProvider, Refusal, Secret};
use crate::engine::Engine;
use crate::engine::guards::address::Address;
use crate::sync::{ArcCell, Mutex, oneshot};

/// The role of a thread that asks a provider.
const ROLE: &str = "login";
/// Such threads at once, at most.
const THREADS_MAX: usize = 16;
/// Such threads for one address, at most.
const ADDRESS_THREADS_MAX: usize = 4;
/// How long all that one request asks of its provider may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long what a provider says of itself, and its keys, are good.
const FRESH: Duration = Duration::from_secs(300);
/// The same when a token names a key that is not among them.
const FRESH_KEYS: Duration = Duration::from_secs(10);

/// The secrets that are shared with providers, by their ids.
pub type ProviderSecrets = HashMap<String, Secret>;

/// See the module.
#[derive(Default)]
pub struct Logins {
    fetcher: Fetcher,
    secrets: ArcCell<ProviderSecrets>,
    /// What is known of providers, by their issuers.
    known: Mutex<HashMap<String, Arc<Known>>>,
    /// How many threads run, and for which addresses.
    running: Mutex<Vec<Option<Address>>>,
}

/// What is known of a provider.
struct Known {
    metadata: Metadata,
    keys: Vec<u8>,
    since: Instant,
}

/// Why somebody is not logged in.
#[derive(Debug)]
pub enum LoginError {
    /// The provider cannot be reached, or its answer is none; for the operator.
    Provider(String),
    /// The provider says what cannot be believed; for the operator.
    NotBelieved(String),
    /// The user may not come in, or not now.
    Refused(Refusal),
}

/// What a browser brings back from a provider.
pub struct Returned {
    /// The code that is exchanged for an ID token.
    pub code: String,
    /// Who the answer says it is from (RFC 9207).
    pub issuer: Option<String>,
    /// What was told the provider a digest of.
    pub verifier: String,
    /// What the token has to say.
    pub nonce: String,
    /// The address to which the browser has come back.
    pub redirect_uri: String,
}

impl Logins {
    /// With other secrets from now on; what is known of providers is asked again.
    pub fn set_secrets(&self, secrets: ProviderSecrets) {
        self.secrets.store(secrets);
        self.known.lock().clear();
    }

    /// Where a browser is sent that logs in at the provider.
    ///
    /// # Errors
    /// The provider cannot be asked.
    pub fn authorization_endpoint(&self, provider: &IdentityProvider) -> Result<String, LoginError> {
        let known = self.known(provider, FRESH, Instant::now() + PATIENCE)?;
        Ok(known.metadata.authorization_endpoint.clone())
    }

    /// Lets in the user whom the provider names, and signs a token.
    ///
    /// # Errors
    /// Why not.
    pub fn finish(
        &self,
        engine: &Engine,
        provider: &IdentityProvider,
        returned: &Returned,
        valid_for: Duration,
    ) -> Result<Claimed, LoginError> {
        let deadline = Instant::now() + PATIENCE;
        let known = self.known(provider, FRESH, deadline)?;
        match &returned.issuer {
            Some(issuer) if *issuer != provider.issuer => {
                return Err(LoginError::NotBelieved("the answer names another issuer".to_owned()));
            }
            None if known.metadata.names_itself => {
                return Err(LoginError::NotBelieved("the answer names no issuer, and the provider's do".to_owned()));
            }
            _ => {}
        }
        let exchange = CodeExchange { fetcher: &self.fetcher, metadata: &known.metadata, provider, deadline };
        let tokens = exchange.redeem(returned, self.secrets.load().get(&provider.id))?;
        let mut says = self.verify(engine, provider, &known, (&tokens.id_token, &returned.nonce), deadline)?;
        if claims::lacks(&says, provider) {
            exchange.complete(&mut says, tokens.access_token.as_deref())?;
        }
        let who = claims::user(&says, provider)?;
        engine.log_in(who, valid_for).map_err(LoginError::Refused)
    }

    /// The claims of an ID token. The keys are asked for again if it names one that is not known.
    fn verify(
        &self,
        engine: &Engine,
        provider: &IdentityProvider,
        known: &Known,
        (token, nonce): (&str, &str),
        deadline: Instant,
    ) -> Result<crate::auth::IdTokenClaims, LoginError> {
        let tokens = engine.auth.signer().map_err(LoginError::Refused)?;
        let now = engine.clock.now().at;
        let read = |keys: &[u8]| {
            let rules = IdTokenRules { keys, issuer: &provider.issuer, client: &provider.client, nonce };
            tokens.read_id_token(token, &rules, now)
        };
        let read = match read(&known.keys) {
            Err(disbelieved) if disbelieved.is_key_unknown => read(&self.known(provider, FRESH_KEYS, deadline)?.keys),
            read => read,
        };
        read.map_err(|disbelieved| LoginError::NotBelieved(format!("its ID token {}", disbelieved.why)))
    }

    /// What is known of a provider, not older than this; where it cannot be asked, what was known before.
    fn known(&self, provider: &IdentityProvider, fresh: Duration, deadline: Instant) -> Result<Arc<Known>, LoginError> {
        let before = self.known.lock().get(&provider.issuer).cloned();
        if let Some(known) = before.as_ref().filter(|known| known.since.elapsed() < fresh) {
            return Ok(Arc::clone(known));
        }
        let asked = self.ask(provider, deadline);
        match (asked, before) {
            (Ok(known), _) => {
                let known = Arc::new(known);
                self.known.lock().insert(provider.issuer.clone(), Arc::clone(&known));
                Ok(known)
            }
            (Err(why), Some(known)) => {
                log::warn!(provider = &*provider.id, why; "the provider cannot be asked for its metadata and keys");
                Ok(known)
            }
            (Err(why), None) => Err(LoginError::Provider(why)),
        }
    }

    fn ask(&self, provider: &IdentityProvider, deadline: Instant) -> Result<Known, String> {
        let read = |url: &str| self.fetcher.get(url, left(deadline)).map_err(|error| format!("{url}: {error}"));
        let document = read(&metadata::url(&provider.issuer))?;
        let metadata = Metadata::parse(&document, &provider.issuer);
        let metadata = metadata.map_err(|problem| format!("its metadata {problem}"))?;
        let keys = read(&metadata.jwks_uri)?;
        Ok(Known { metadata, keys, since: Instant::now() })
    }

    /// Has a thread ask a provider, for a client at this address, and waits for what it returns.
    ///
    /// # Errors
    /// Too many ask already, or the machine has no thread.
    pub fn run<T: Send + 'static>(
        self: &Arc<Self>,
        engine: &Arc<Engine>,
        from: Option<Address>,
        job: impl FnOnce(&Logins, &Engine) -> Result<T, LoginError> + Send + 'static,
    ) -> Result<T, LoginError> {
        let busy = || {
            let busy = "Too many are logging in at this moment: try again in some seconds";
            LoginError::Refused(Refusal::new(Code::Unavailable, busy))
        };
        let running = RunningLogin::begin(self, from).ok_or_else(busy)?;
        let (logins, asking) = (Arc::clone(self), Arc::clone(engine));
        let (reply, result) = oneshot::channel();
        let body = move || {
            let outcome = job(&logins, &asking);
            // Whoever is answered may ask again at once.
            drop(running);
            reply.send(outcome);
        };
        engine.threads.spawn(ROLE, body).map_err(|_| busy())?;
        // A thread that panicked has replied nothing, and is counted.
        result.wait().map_err(|_| busy())?
    }

    /// Cuts what is asked; nothing is asked any more.
    pub fn close(&self) {
        self.fetcher.close();
    }
}

/// A thread's place among those that ask.
struct RunningLogin {
    logins: Arc<Logins>,
    from: Option<Address>,
}

impl RunningLogin {
    fn begin(logins: &Arc<Logins>, from: Option<Address>) -> Option<Self> {
        let mut running = logins.running.lock();
        let own = running.iter().filter(|other| from.is_some() && **other == from).count();
        if running.len() >= THREADS_MAX || own >= ADDRESS_THREADS_MAX {
            return None;
        }
        running.push(from);
        drop(running);
        Some(Self { logins: Arc::clone(logins), from })
    }
}

impl Drop for RunningLogin {
    fn drop(&mut self) {
        let mut running = self.logins.running.lock();
        if let Some(at) = running.iter().position(|other| *other == self.from) {
            running.swap_remove(at);
        }
    }
}

/// What is left until then.
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}
