//! Printing the devices of a user in the JSON dialect, and as bodies over HTTP.
//!
//! Used by `print`, and by the routes.

use super::object::Object;
use crate::chat::device::{Device, ListedDevice};
use crate::chat::{Secret, Time, UserName};

/// The body of `GET /api/v1/devices`: `{devices: [{device, label, created, seen, connections, current}]}`.
#[must_use]
pub fn devices_body(devices: &[ListedDevice]) -> Vec<u8> {
    let mut out = Vec::new();
    Object::bare(&mut out).list("devices", devices, device_fields).end();
    out
}

/// The body of the answer to who asks for a code: `{code, expires}`.
#[must_use]
pub fn code_body(code: &Secret, expires: Time) -> Vec<u8> {
    let mut out = Vec::new();
    code_fields(Object::bare(&mut out), code, expires).end();
    out
}

/// The body of `POST /api/v1/codes` for the code of a device.
#[must_use]
pub fn described_code_body(user: &UserName, expires: Time) -> Vec<u8> {
    let mut out = Vec::new();
    Object::bare(&mut out).field("user", user.as_str()).shown("expires", expires).end();
    out
}

pub(super) fn code_fields<'a>(object: Object<'a>, code: &Secret, expires: Time) -> Object<'a> {
    object.field("code", code.reveal()).shown("expires", expires)
}

pub(super) fn device_fields<'a>(object: Object<'a>, listed: &ListedDevice) -> Object<'a> {
    let ListedDevice { device: Device { id, label, created, seen }, connections, current } = listed;
    let object = object.shown("device", id).maybe("label", label.as_deref()).shown("created", created);
    let object = match seen {
        Some(seen) => object.shown("seen", seen),
        None => object,
    };
    object.field("connections", connections).maybe("current", current.then_some(true))
}
