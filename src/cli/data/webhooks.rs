//! `roomd webhook add`, `list`, `remove`, `log` and `resend`: the webhooks of a room or of all, by the operator.
//!
//! Called by `execute.rs` on the main thread, whether or not a server runs on the data file, which takes notice within
//! some seconds. The secret of a new webhook goes to standard output, alone on its line; what a person should know of it
//! to standard error.

use clap::{Args, ValueEnum};

use super::hooks::{now, print, who};
use crate::chat::RoomName;
use crate::chat::webhook::{LoggedDelivery, NewWebhook, Webhook, WebhookEvents, WebhookUrl};
use crate::engine::webhooks::{draw_secret, full};
use crate::store::WebhookStore;
use crate::store::administration::{Administration, AdministrationError};
use roomd_cli::parser::checked;

/// The webhooks that a command works on.
type OpenWebhooks<'a> = dyn WebhookStore<Error = AdministrationError> + 'a;

/// Deliveries that `log` shows.
const LOGGED_MAX: usize = 200;

/// What to do with which webhook.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct WebhookOptions {
    /// add URL, list, remove NUMBER, log NUMBER, or resend NUMBER
    #[arg(value_enum, value_name = "add|list|remove|log|resend", hide_possible_values = true)]
    pub action: WebhookAction,
    /// The address of a new webhook, or the number of one, as list has it
    #[arg(value_name = "URL|NUMBER")]
    pub target: Option<String>,
    /// The room of which a new webhook is told [default: all but private conversations]
    #[arg(long, value_name = "ROOM", value_parser = checked(super::parse_room))]
    pub room: Option<RoomName>,
    /// What a new webhook is told of: message, edit, delete, join, leave, created, ended and
    /// moderated, with commas between them [default: message,edit,delete]
    #[arg(long, value_name = "EVENTS", value_parser = checked(parse_events), verbatim_doc_comment)]
    pub events: Option<WebhookEvents>,
    /// The delivery to make once more, as log has it; without it what waits is tried now
    #[arg(long, value_name = "NUMBER")]
    pub delivery: Option<u64>,
}

/// What `roomd webhook` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WebhookAction {
    Add,
    List,
    Remove,
    Log,
    Resend,
}

impl WebhookOptions {
    /// What the parser of flags cannot see. An error is a sentence.
    pub fn check(&self) -> Result<(), String> {
        let Self { action, target, room, events, delivery } = self;
        let sentence = match action {
            WebhookAction::Add if target.is_none() => "webhook add needs a URL",
            WebhookAction::List if target.is_some() => "webhook list needs nothing",
            WebhookAction::Remove | WebhookAction::Log | WebhookAction::Resend if self.number().is_none() => {
                "webhook remove, log and resend need the number of a webhook, as webhook list has it"
            }
            action if *action != WebhookAction::Add && (room.is_some() || events.is_some()) => {
                "--room and --events are for webhook add"
            }
            action if *action != WebhookAction::Resend && delivery.is_some() => "--delivery is for webhook resend",
            _ => return Ok(()),
        };
        Err(sentence.to_owned())
    }

    fn number(&self) -> Option<u64> {
        self.target.as_ref()?.parse().ok()
    }
}

/// Does it.
pub fn run(history: &dyn Administration, options: &WebhookOptions) -> Result<(), AdministrationError> {
    let webhooks = &*history.webhooks()?;
    let number = options.number().unwrap_or_default();
    let none =
        || AdministrationError::Refused(format!("there is no webhook {number}: webhook list shows which there are"));
    match options.action {
        WebhookAction::Add => add(webhooks, options),
        WebhookAction::List => webhooks.webhooks()?.iter().try_for_each(|webhook| print(&described(webhook))),
        WebhookAction::Remove if webhooks.remove_webhook(number, None, now())? => {
            print(&format!("webhook {number} is removed"))
        }
        WebhookAction::Remove => Err(none()),
        WebhookAction::Log if webhooks.webhooks()?.iter().any(|webhook| webhook.number == number) => {
            let deliveries = webhooks.deliveries(number, LOGGED_MAX)?;
            deliveries.iter().try_for_each(|delivery| print(&logged(delivery)))
        }
        WebhookAction::Log => Err(none()),
        WebhookAction::Resend => match options.delivery {
            None if webhooks.resume_webhook(number, now())? => {
                print(&format!("webhook {number} is on, and what waits for it is tried now"))
            }
            None => Err(none()),
            Some(delivery) if webhooks.resend(number, delivery)? => {
                print(&format!("delivery {delivery} is made once more"))
            }
            Some(delivery) => {
                let sentence = format!("the webhook {number} has made no delivery {delivery}, or is off");
                Err(AdministrationError::Refused(sentence))
            }
        },
    }
}

fn add(webhooks: &OpenWebhooks<'_>, options: &WebhookOptions) -> Result<(), AdministrationError> {
    let refused = AdministrationError::Refused;
    let url = options.target.as_deref().unwrap_or_default();
    let url = WebhookUrl::parse(url).map_err(|refusal| refused(refusal.message.into_owned()))?;
    let (room, events) = (options.room.clone(), options.events.unwrap_or_default());
    let secret = draw_secret().map_err(|error| refused(error.to_string()))?;
    let made = NewWebhook { url, room, events, by: None, created: now() };
    let number = webhooks.add_webhook(&made, &secret)?.ok_or_else(|| refused(full()))?;
    print(secret.reveal())?;
    eprintln!(
        "roomd: webhook {number}: its deliveries are signed with this secret; --webhook-allow must name an address that is \
         not public"
    );
    Ok(())
}

fn described(webhook: &Webhook) -> String {
    let Webhook { number, made, waiting, off, removed, failures, .. } = webhook;
    let NewWebhook { url, room, events, by, created } = made;
    let room = room.as_ref().map_or("all rooms", RoomName::as_str);
    let events = events.names().join(",");
    let mut line = format!("{number} {room} {url} {events}: made {created} by {}", who(by.as_ref()));
    if let Some((at, by)) = removed {
        line += &format!(", removed {at} by {}", who(by.as_ref()));
    }
    if *waiting > 0 {
        line += &format!(", {waiting} waiting, {failures} attempts failed");
    }
    if let Some((at, reason)) = off {
        line += &format!(", off since {at}: {}", reason.as_str());
    }
    line
}

fn logged(delivery: &LoggedDelivery) -> String {
    let LoggedDelivery { number, id, kind, room, at, attempts, tried, delivered } = delivery;
    let state = if *delivered { "delivered" } else { "waiting" };
    let tried = tried.as_ref().map_or(String::new(), |(at, outcome)| format!(", last {at}: {outcome}"));
    format!("{number} {id} {} {room} {at}: {state}, {attempts} attempts{tried}", kind.as_str())
}

fn parse_events(text: &str) -> Result<WebhookEvents, String> {
    WebhookEvents::parse(text.split(',').map(str::trim)).map_err(|refusal| refusal.message.into_owned())
}
