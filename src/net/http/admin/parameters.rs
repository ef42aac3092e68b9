//! What several routes of admins take out of a request: which part of a list, and networks of addresses.
//!
//! Pure.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::chat::Refusal;
use crate::engine::admin::PAGE_MAX;
use crate::net::http::api_request::{ApiRequest, bad};

/// Entries of one answer when the client names no number.
const LIMIT_DEFAULT: usize = 100;

/// The part of a list that a request asks for: what comes behind `after`, and how many.
///
/// # Errors
/// `bad_request`.
pub fn part(request: &ApiRequest<'_>) -> Result<(u64, usize), Refusal> {
    Ok((request.number("after")?.unwrap_or(0), limit(request)?))
}

/// How many entries a request asks for.
///
/// # Errors
/// `bad_request`.
pub fn limit(request: &ApiRequest<'_>) -> Result<usize, Refusal> {
    let limit = request.number("limit")?.map(|limit| usize::try_from(limit).unwrap_or(PAGE_MAX));
    Ok(limit.unwrap_or(LIMIT_DEFAULT).clamp(1, PAGE_MAX))
}

/// A network, or an address, which is one of a single address.
///
/// # Errors
/// `bad_request`.
pub fn network(text: &str) -> Result<IpNet, Refusal> {
    let address = text.parse::<IpAddr>().map(|ip| IpNet::from(ip.to_canonical()));
    let network = address.or_else(|_| text.parse::<IpNet>().map(|network| network.trunc()));
    network.map_err(|_| bad(format!("{text:?} is no address, such as 192.0.2.7, and no network, such as 192.0.2.0/24")))
}
