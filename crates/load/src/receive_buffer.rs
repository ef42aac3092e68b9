//! How much the kernel may hold for each client: the receive buffers of all together must not exhaust TCP memory.
//!
//! Read once, before the clients connect. Left to itself the kernel lets each buffer grow to megabytes. With
//! thousands of clients that are sent more than this thread reads, that is all the memory that the kernel has for
//! TCP (`net.ipv4.tcp_mem`): then it drops segments, retransmissions back off for seconds, and a server on the same
//! machine sees clients that take nothing, and closes them for a failing of the load generator.

use std::fs;

const TCP_MEMORY: &str = "/proc/sys/net/ipv4/tcp_mem";
/// Least of a buffer: a message and its frame fit in.
const LEAST_BYTES: usize = 4096;
/// A buffer that may be larger than this is left to the kernel.
const MOST_BYTES: usize = 1 << 20;

/// Bytes to ask for, for each of so many clients; `None` leaves it to the kernel.
#[must_use]
pub fn receive_bytes(clients: usize) -> Option<usize> {
    let limits = fs::read_to_string(TCP_MEMORY).ok()?;
    let pages: usize = limits.split_whitespace().next()?.parse().ok()?;
    share(pages.saturating_mul(rustix::param::page_size()), clients)
}

/// A quarter of the memory that is not under pressure yet: the kernel doubles what is asked for, and the other half is
/// left to the server.
fn share(memory_bytes: usize, clients: usize) -> Option<usize> {
    let bytes = memory_bytes / 4 / clients.max(1);
    (bytes < MOST_BYTES).then(|| bytes.max(LEAST_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffers_of_all_clients_are_at_most_half_of_the_memory() {
        const GIB: usize = 1 << 30;
        for clients in [1, 100, 1_000, 10_000] {
            match share(GIB, clients) {
                Some(bytes) => assert!(2 * bytes * clients <= GIB / 2, "{clients}"),
                None => assert!(clients <= GIB / 4 / MOST_BYTES, "{clients}"),
            }
        }
        assert_eq!(share(GIB, 1_000_000), Some(LEAST_BYTES));
    }
}
