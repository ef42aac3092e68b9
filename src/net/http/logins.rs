//! The routes at which a user of the page logs in: at an OpenID Connect provider, or as whom a proxy names.
//!
//! Called by the routes on the connection's thread, which waits for the provider, half a minute at most. A browser is sent to an
//! address that the provider's metadata name, and comes back to one of the server's own; the page is the only place to which it goes on. The token
//! is in the body of a response, and in no address.

use std::borrow::Cow;

use super::api_request::ApiRequest;
use super::head::{ProxyUser, RequestHead};
use super::login_pages;
use super::response::Response;
use super::target::is_authority;
use super::{bearer, query, routes};
use crate::auth::Claimed;
use crate::chat::{Code, IdentityProvider, Refusal};
use crate::net::context::ServerContext;
use crate::net::openid::attempt::{LASTS_S, LoginAttempt};
use crate::net::openid::form::form;
use crate::net::openid::{LoginError, Returned};
use crate::settings::{PROXY_LOGIN, Settings};
use crate::wire::json::LoginOffer;

/// The cookie of a login. With its prefix a browser takes it through TLS alone, and from no other host (RFC 6265bis §4.1.3).
const COOKIE: &str = "roomd-login";
const SECURE_COOKIE: &str = "__Host-roomd-login";
/// Bytes of what a provider sends back with a browser, at most.
const RETURNED_MAX: usize = 4 * 1024;
/// Bytes of the path to which a user wants to return, at most.
const TO_MAX: usize = 1024;
/// Where a login leads that says nothing of it.
const FIRST_PAGE: &str = "/";

/// Where a user may log in who has sent this request; nobody else is named by a proxy.
pub fn offered<'a>(settings: &'a Settings, request: &RequestHead<'_>) -> Vec<LoginOffer<'a>> {
    if matches!(request.proxy_user, ProxyUser::Named(_)) {
        return vec![LoginOffer { id: PROXY_LOGIN, label: None, at_once: true }];
    }
    let offer =
        |provider: &'a IdentityProvider| LoginOffer { id: &provider.id, label: Some(&provider.label), at_once: false };
    settings.oidc_providers.iter().map(offer).collect()
}

/// Sends the browser to a provider, or logs in whom a proxy names: `GET /login/PROVIDER?to=PATH`.
pub fn begin(context: &ServerContext, request: &ApiRequest<'_>, id: &str) -> Response {
    let to = match wanted(context, request) {
        Ok(to) => to,
        Err(refusal) => return refused(request, (id, FIRST_PAGE), &refusal),
    };
    if id == PROXY_LOGIN {
        return match by_proxy(context, request) {
            Ok(claimed) => login_pages::done(&claimed, &to, request.base_path),
            Err(refusal) => refused(request, (id, &to), &refusal),
        };
    }
    match to_provider(context, request, id, &to) {
        Ok(response) => response,
        Err(error) => failed(request, (id, &to), &error),
    }
}

/// Lets in who comes back from a provider: `GET /login/PROVIDER/callback`.
pub fn finish(context: &ServerContext, request: &ApiRequest<'_>, id: &str) -> Response {
    let attempt = attempt(context, request, id);
    let to = attempt.as_ref().map_or(FIRST_PAGE, |attempt| &attempt.to);
    let response = match from_provider(context, request, id, attempt.as_ref()) {
        Ok(claimed) => {
            log::info!(user = claimed.identity.user.as_str(), provider = id; "logged in");
            login_pages::done(&claimed, to, request.base_path)
        }
        Err(error) => failed(request, (id, to), &error),
    };
    response.with("Set-Cookie", cookie(request, "", 0))
}

/// The path of the page to which the user wants to return: its own, or the first.
fn wanted(context: &ServerContext, request: &ApiRequest<'_>) -> Result<String, Refusal> {
    let Some(to) = query::value(request.head.query, "to")? else { return Ok(FIRST_PAGE.to_owned()) };
    if leads_to_page(context, &to) {
        return Ok(to);
    }
    Err(Refusal::new(Code::BadRequest, "A login leads to a page of this server"))
}

fn leads_to_page(context: &ServerContext, to: &str) -> bool {
    let path = to.split('?').next().unwrap_or_default();
    let is_plain = to.len() <= TO_MAX && to.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\#".contains(&byte));
    is_plain && routes::is_page(context, path)
}

fn by_proxy(context: &ServerContext, request: &ApiRequest<'_>) -> Result<Claimed, Refusal> {
    let who = bearer::named_by_proxy(context, request.head)?;
    context.engine.log_in(who, context.settings.load().login_for)
}

fn to_provider(context: &ServerContext, request: &ApiRequest<'_>, id: &str, to: &str) -> Result<Response, LoginError> {
    let provider = provider(context, id)?;
    let redirect_uri = redirect_uri(request, id)?;
    let attempt = LoginAttempt::draw(id, to).map_err(|_| unavailable())?;
    let asked = provider.clone();
    let endpoint = context
        .logins
        .run(&context.engine, request.address.counted, move |logins, _| logins.authorization_endpoint(&asked))?;
    let mark = if endpoint.contains('?') { '&' } else { '?' };
    let query = form(&[
        ("response_type", "code"),
        ("client_id", &provider.client),
        ("redirect_uri", &redirect_uri),
        ("scope", &format!("openid {}", provider.scopes.join(" "))),
        ("state", &attempt.state()),
        ("nonce", &attempt.nonce()),
        ("code_challenge", &attempt.challenge()),
        ("code_challenge_method", "S256"),
    ]);
    let cookie = cookie(request, &attempt.cookie(), LASTS_S);
    Ok(Response::empty(303).with("Location", format!("{endpoint}{mark}{query}")).with("Set-Cookie", cookie))
}

fn from_provider(
    context: &ServerContext,
    request: &ApiRequest<'_>,
    id: &str,
    attempt: Option<&LoginAttempt>,
) -> Result<Claimed, LoginError> {
    let provider = provider(context, id)?;
    let not_begun = || {
        let message = "This login was not begun in this browser, or too long ago, or another one was begun since";
        LoginError::Refused(Refusal::new(Code::BadRequest, message))
    };
    let value = |name: &str| query::value(request.head.query, name).map_err(LoginError::Refused);
    let attempt = attempt.ok_or_else(not_begun)?;
    if value("state")? != Some(attempt.state()) {
        return Err(not_begun());
    }
    if let Some(error) = value("error")? {
        let why: String = error.escape_debug().take(100).collect();
        log::info!(provider = id, why; "the provider has let nobody in");
        let message = if error == "access_denied" {
            "The provider did not let you in, or you did not want it to"
        } else {
            "The provider refused the login"
        };
        return Err(LoginError::Refused(Refusal::new(Code::Forbidden, message)));
    }
    let code = value("code")?
        .filter(|code| !code.is_empty() && code.len() <= RETURNED_MAX)
        .ok_or_else(|| LoginError::NotBelieved("its answer has neither a code nor an error".to_owned()))?;
    let returned = Returned {
        code,
        issuer: value("iss")?,
        verifier: attempt.verifier(),
        nonce: attempt.nonce(),
        redirect_uri: redirect_uri(request, id)?,
    };
    let valid_for = context.settings.load().login_for;
    context.logins.run(&context.engine, request.address.counted, move |logins, engine| {
        logins.finish(engine, &provider, &returned, valid_for)
    })
}

/// The provider of this id.
fn provider(context: &ServerContext, id: &str) -> Result<IdentityProvider, LoginError> {
    let settings = context.settings.load();
    let found = settings.oidc_providers.iter().find(|provider| provider.id == id).cloned();
    found.ok_or_else(|| LoginError::Refused(Refusal::new(Code::NotFound, "There is no such provider here")))
}

/// The login that has begun in this browser, as its cookie says.
fn attempt(context: &ServerContext, request: &ApiRequest<'_>, id: &str) -> Option<LoginAttempt> {
    let name = if request.is_secure { SECURE_COOKIE } else { COOKIE };
    let fields = request.head.values("Cookie").filter_map(|field| std::str::from_utf8(field).ok());
    let mut pairs = fields.flat_map(|field| field.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(found, _)| *found == name)?;
    LoginAttempt::of_cookie(value, id).filter(|attempt| leads_to_page(context, &attempt.to))
}

/// The cookie of a login, for so many seconds; 0 removes it.
fn cookie(request: &ApiRequest<'_>, value: &str, for_s: u32) -> String {
    let lasts = format!("Max-Age={for_s}; HttpOnly; SameSite=Lax");
    if request.is_secure {
        format!("{SECURE_COOKIE}={value}; Path=/; {lasts}; Secure")
    } else {
        format!("{COOKIE}={value}; Path={}/login/; {lasts}", request.base_path)
    }
}

/// Where the provider is to send the browser back: an address of the server's own, as the browser has asked for it. The provider takes none
/// that is not registered there.
fn redirect_uri(request: &ApiRequest<'_>, id: &str) -> Result<String, LoginError> {
    let ApiRequest { host, is_secure, base_path, .. } = *request;
    if host.is_empty() || !is_authority(host) {
        return Err(LoginError::Refused(Refusal::new(Code::BadRequest, "The request names no host")));
    }
    let scheme = if is_secure { "https" } else { "http" };
    Ok(format!("{scheme}://{host}{base_path}/login/{id}/callback"))
}

/// The page of a login that has failed; why is told as far as it helps the user, and logged as far as it helps the operator.
fn failed(request: &ApiRequest<'_>, (id, to): (&str, &str), error: &LoginError) -> Response {
    let (status, message) = match error {
        LoginError::Refused(refusal) => return refused(request, (id, to), refusal),
        LoginError::Provider(why) => {
            log::warn!(provider = id, why = &**why; "nobody can log in: the provider does not answer as it should");
            (502, Cow::Borrowed("The provider cannot be asked now. Try again later, or tell whoever runs this server"))
        }
        LoginError::NotBelieved(why) => {
            log::warn!(provider = id, why = &**why; "a login is refused: the provider's answer is not believed");
            (
                502,
                Cow::Owned(format!("What the provider says cannot be believed: {why}. Tell whoever runs this server")),
            )
        }
    };
    login_pages::failed(status, &message, (id, to), request.base_path)
}

fn refused(request: &ApiRequest<'_>, (id, to): (&str, &str), refusal: &Refusal) -> Response {
    log::info!(provider:? = id, why:% = refusal.message; "not logged in");
    let status = Response::refusal(refusal).status();
    login_pages::failed(status, &refusal.message, (id, to), request.base_path)
}

fn unavailable() -> LoginError {
    LoginError::Refused(Refusal::new(Code::Unavailable, "The server cannot do that now"))
}
