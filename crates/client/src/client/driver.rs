//! Drives the state machine: hands it what the inbox holds and what time it is, and does what it wants.
//!
//! Runs on the caller's thread, during any call of a `Client`. It blocks in one place, on the inbox,
//! which the reader thread (`connection.rs`) and wakers fill.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use super::super::command::Command;
use super::super::connection::{self, ConnectionOptions, InboxItem};
use super::super::disconnect::Disconnect;
use super::super::error::Error;
use super::super::options::Options;
use super::super::response::Response;
use super::super::socket::{ConnectOptions, Writer};
use super::super::state_machine::{Input, Output};
use super::{Client, INBOX_MAX};

/// How long a server may take to answer our close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

impl Client {
    /// Makes a request and waits for its response.
    pub(super) fn request(&mut self, command: Command) -> Result<Response, Error> {
        let id = self.send(command)?;
        loop {
            if let Some(result) = self.events.take_response(id) {
                return result.map_err(Error::Refused);
            }
            self.turn(None)?;
        }
    }

    /// Waits for one input, at most until then, and does what follows from it.
    pub(super) fn turn(&mut self, until: Option<Instant>) -> Result<(), Error> {
        self.perform_outputs();
        self.check_open()?;
        let due = self.state_machine.deadline().and_then(|due| self.start.checked_add(due));
        let received = match [until, due].into_iter().flatten().min() {
            // The inbox goes before time: it may hold the pong that time waits for.
            Some(first) => self.inbox.recv_timeout(first.saturating_duration_since(Instant::now())),
            None => self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let now = self.start.elapsed();
        match received {
            Ok(InboxItem::Socket(socket)) => self.socket = Some(socket),
            Ok(InboxItem::Connected) => {
                self.writer = self.socket.as_ref().map(Writer::new);
                self.state_machine.handle(Input::Connected, now);
            }
            Ok(InboxItem::Frame(text)) => self.state_machine.handle(Input::Frame(&text), now),
            Ok(InboxItem::Alive) => self.state_machine.handle(Input::Alive, now),
            Ok(InboxItem::Disconnected(reason)) => {
                (self.socket, self.writer) = (None, None);
                self.join_reader();
                self.state_machine.handle(Input::Disconnected(reason), now);
            }
            Ok(InboxItem::Woken) => {}
            Err(_) => self.state_machine.handle(Input::Time, now),
        }
        self.perform_outputs();
        Ok(())
    }

    /// Does what the state machine wants done.
    pub(super) fn perform_outputs(&mut self) {
        while let Some(output) = self.state_machine.poll() {
            match output {
                Output::Connect(user) => self.open_connection(user),
                Output::Send(text) => {
                    // After a failed write the connection is lost: its reader says so.
                    if self.writer.as_mut().is_some_and(|writer| writer.send(text).is_err()) {
                        self.abort();
                    }
                }
                Output::Abort => self.abort(),
                Output::Close => match &mut self.writer {
                    Some(writer) => writer.close(),
                    None => self.abort(),
                },
                Output::Event(event) => self.events.push(*event),
                Output::Closed(reason) => self.closed = Some(reason),
            }
        }
    }

    fn open_connection(&mut self, user: Option<String>) {
        let Options { connect_timeout, write_timeout, .. } = self.options;
        let (address, dialer) = (self.address.clone(), self.dialer.clone());
        let connect = ConnectOptions { address, dialer, connect_timeout, write_timeout };
        let later = user.as_ref().and_then(|user| self.tokens.get(user));
        let token = later.unwrap_or(&self.options.token).clone();
        match connection::open(ConnectionOptions { connect, user, token }, self.sender.clone()) {
            Ok(reader) => self.reader = Some(reader),
            Err(error) => {
                let reason = Disconnect::Unreachable(format!("cannot start a thread: {error}"));
                self.state_machine.handle(Input::Disconnected(reason), self.start.elapsed());
            }
        }
    }

    fn abort(&mut self) {
        self.writer = None;
        if let Some(socket) = &self.socket {
            socket.shut_down();
        }
    }

    fn join_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            // It holds no state of ours, and has sent its last item.
            _ = reader.join();
        }
    }

    /// Sends a close frame, and collects events until the server has answered it.
    pub(super) fn finish(&mut self) {
        if let Some(writer) = &mut self.writer {
            writer.close();
            let until = Instant::now() + CLOSE_TIMEOUT;
            while let Ok(item) = self.inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
                match item {
                    // The state machine does not learn of the end, or it would reconnect.
                    InboxItem::Disconnected(_) => break,
                    InboxItem::Frame(text) => self.state_machine.handle(Input::Frame(&text), self.start.elapsed()),
                    _ => {}
                }
                // An inbox that is never empty does not keep the caller.
                if until <= Instant::now() {
                    break;
                }
            }
        }
        while let Some(output) = self.state_machine.poll() {
            // Nothing is sent after the close frame.
            if let Output::Event(event) = output {
                self.events.push(*event);
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // A reader that waits for room in the inbox finds it gone.
        let (_, gone) = sync_channel(1);
        let inbox = std::mem::replace(&mut self.inbox, gone);
        for item in inbox.try_iter().take(INBOX_MAX) {
            if let InboxItem::Socket(socket) = item {
                self.socket = Some(socket);
            }
        }
        drop(inbox);
        self.abort();
        self.join_reader();
    }
}
