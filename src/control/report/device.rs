//! What the kernel lost at the TUN because its queue was full: flowpin read too slowly, and no port could see it.
//! Must never know: what else is in the status.

/// Packets that did not fit the queue of `tun` since it was made; 0 when the kernel does not say.
#[must_use]
pub fn queue_full(tun: &str) -> u64 {
    std::fs::read_to_string("/proc/self/net/dev").ok().and_then(|table| transmit_drops(&table, tun)).unwrap_or(0)
}

/// The fourth transmit column of a link's row, after eight of receive (net/core/net-procfs.c, `dev_seq_printf_stats`).
fn transmit_drops(table: &str, link: &str) -> Option<u64> {
    let row = table.lines().find_map(|line| line.trim_start().strip_prefix(link)?.strip_prefix(':'))?;
    row.split_whitespace().nth(11)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drops_of_the_link_with_exactly_this_name_are_read() {
        let table = "Inter-|   Receive                            |  Transmit\n\
             face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier\n\
             flowpin01: 1 2 3 4 5 6 7 8 9 10 11 99 13 14 15 16\n  \
             flowpin0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
        assert_eq!(transmit_drops(table, "flowpin0"), Some(12));
        assert_eq!(transmit_drops(table, "flowpin"), None);
        assert_eq!(transmit_drops("", "flowpin0"), None);
    }
}
