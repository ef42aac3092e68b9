//! The processes of a history: each has one operation at a time.
//!
//! A client asks for several things at once, so it is several processes, and the remainder of their numbers by the number of
//! clients is the client. What became of an operation is sometimes never known; its process then does nothing any more.

/// The processes of one client.
#[derive(Debug)]
pub struct Processes {
    client: u64,
    clients: u64,
    /// How many there have been.
    begun: u64,
    /// Those without an operation.
    free: Vec<u64>,
}

impl Processes {
    /// Of this one of so many clients.
    pub fn new(client: usize, clients: usize) -> Self {
        Self { client: client as u64, clients: clients as u64, begun: 0, free: Vec::new() }
    }

    /// A process for an operation that begins.
    pub fn take(&mut self) -> u64 {
        self.free.pop().unwrap_or_else(|| {
            let process = self.client + self.clients * self.begun;
            self.begun += 1;
            process
        })
    }

    /// Its operation has ended, and what became of it is known.
    pub fn give_back(&mut self, process: u64) {
        self.free.push(process);
    }
}
