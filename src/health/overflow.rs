//! Packets to the media ports that the kernel dropped because a socket was full: nobody else counts them, and what is missing of
//! a caller's audio would look like a loss of the line's.

use std::{collections::HashMap, ops::RangeInclusive, time::Duration};

use tokio_util::sync::CancellationToken;

/// How often the kernel is asked. What a socket dropped since the last time is not known where it was closed meanwhile.
const EVERY: Duration = Duration::from_secs(2);
/// Where the kernel lists this process's network's UDP sockets, by IPv4 and IPv6 (proc(5)).
const LISTS: [&str; 2] = ["/proc/self/net/udp", "/proc/self/net/udp6"];

/// Counts into `tonegate_drops_total` until `stop`.
pub(crate) async fn watch(ports: RangeInclusive<u16>, stop: CancellationToken) {
    let counter = metrics::counter!("tonegate_drops_total", "queue" => "rtp", "reason" => "socket_full");
    let mut overflow = Overflow::default();
    let mut beat = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = beat.tick() => {}
        }
        let mut sockets = HashMap::new();
        for list in LISTS {
            // Without IPv6 there is no second list.
            if let Ok(list) = tokio::fs::read_to_string(list).await {
                sockets.extend(list.lines().filter_map(socket).filter(|((port, _), _)| ports.contains(port)));
            }
        }
        counter.increment(overflow.look(sockets));
    }
}

/// A socket's port and inode: a port may be bound anew.
type Socket = (u16, u64);

/// What sockets had dropped at the last look.
#[derive(Debug, Default)]
struct Overflow(HashMap<Socket, u64>);

impl Overflow {
    /// How many packets were dropped since the last look.
    fn look(&mut self, sockets: HashMap<Socket, u64>) -> u64 {
        let before = |socket: &Socket| self.0.get(socket).copied().unwrap_or(0);
        let added = sockets.iter().map(|(socket, drops)| drops.saturating_sub(before(socket))).sum();
        self.0 = sockets;
        added
    }
}

/// A socket of a line of the list, and how many packets it has dropped; none of its head, and of what is none.
fn socket(line: &str) -> Option<(Socket, u64)> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let (_, port) = fields.get(1)?.rsplit_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let (inode, drops) = (fields.get(9)?.parse().ok()?, fields.get(12)?.parse().ok()?);
    Some(((port, inode), drops))
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    const HEAD: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops";
    const LINE: &str = " 1893: 0100007F:4E20 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 52481 2 0000000000000000 17";

    #[test]
    fn a_line_names_a_port_an_inode_and_drops() {
        assert_eq!(socket(LINE), Some(((20_000, 52_481), 17)));
        assert_eq!((socket(HEAD), socket(""), socket("a b:zz")), (None, None, None));
    }

    #[test]
    fn only_what_came_since_the_last_look_is_counted_and_a_socket_bound_anew_begins_at_none() {
        let mut overflow = Overflow::default();
        let look = |drops: &[(Socket, u64)]| drops.iter().copied().collect();
        assert_eq!(overflow.look(look(&[((20_000, 1), 5), ((20_002, 2), 0)])), 5);
        assert_eq!(overflow.look(look(&[((20_000, 1), 5), ((20_002, 2), 3)])), 3);
        assert_eq!(overflow.look(look(&[((20_000, 9), 2)])), 2);
        assert_eq!(overflow.look(HashMap::new()), 0);
    }

    #[test]
    fn the_kernel_lists_a_full_socket_so() {
        let socket_here = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = socket_here.local_addr().unwrap();
        for _ in 0..20_000 {
            socket_here.send_to(&[0; 500], to).unwrap();
        }
        let list = std::fs::read_to_string(LISTS[0]).unwrap();
        let found = list.lines().filter_map(socket).find(|((port, _), _)| *port == to.port());
        assert!(found.is_some_and(|(_, drops)| drops > 0), "{found:?}");
    }
}
