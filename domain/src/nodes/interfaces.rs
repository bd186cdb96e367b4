//! Which network interface carries an address: by `ip`, and by the kernel's own routes where there is no `ip`.

use core::net::{IpAddr, Ipv4Addr};

/// Prints `address <interface> <address>/<bits>` and `route <interface> <destination> <gateway> <mask>`; part of a larger look.
pub const SCRIPT: &str = r#"ip -o addr show 2>/dev/null | awk '$3 == "inet" || $3 == "inet6" { print "address " $2 " " $4 }'
awk 'NR > 1 { print "route " $1 " " $2 " " $3 " " $8 }' /proc/net/route 2>/dev/null
"#;

/// The interface that has `own`, an address of the node's, or else leads to its network, or else has the default route.
pub fn carrying(own: &str, answer: &str) -> Option<String> {
    let own: IpAddr = own.parse().ok()?;
    let named = answer.lines().filter_map(|line| {
        let (name, network) = line.strip_prefix("address ")?.split_once(' ')?;
        let (address, bits) = network.split_once('/')?;
        let (address, bits) = (address.parse().ok()?, bits.parse().ok()?);
        // The address itself before a network that it would fit into.
        let fit = if address == own {
            u32::MAX
        } else {
            fits(own, address, bits)?
        };
        // `eth0@if7` in a container.
        Some((fit, name.split('@').next().unwrap_or(name)))
    });
    let routed = answer.lines().filter_map(|line| {
        let mut words = line.strip_prefix("route ")?.split(' ');
        let name = words.next()?;
        let mut number = || Some(u32::from_str_radix(words.next()?, 16).ok()?.swap_bytes());
        let (destination, _gateway, mask) = (number()?, number()?, number()?);
        let bits = mask.leading_ones();
        Some((fits(own, Ipv4Addr::from(destination).into(), bits)?, name))
    });
    let best = named.max_by_key(|(fit, _)| *fit);
    let best = best.or_else(|| {
        routed
            .max_by_key(|(fit, _)| *fit)
            .filter(|_| !own.is_loopback())
    });
    match best {
        Some((_, name)) => Some(name.to_owned()),
        None => own.is_loopback().then(|| "lo".to_owned()),
    }
}

/// Length of the network's prefix, if the address is in it.
fn fits(address: IpAddr, network: IpAddr, bits: u32) -> Option<u32> {
    let is_in = match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let mask = u32::MAX.checked_shl(32 - bits.min(32)).unwrap_or(0);
            (address.to_bits() ^ network.to_bits()) & mask == 0
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let mask = u128::MAX.checked_shl(128 - bits.min(128)).unwrap_or(0);
            (address.to_bits() ^ network.to_bits()) & mask == 0
        }
        _ => false,
    };
    is_in.then_some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESSES: &str = "home /root\naddress lo 127.0.0.1/8\naddress docker0 172.17.0.1/16\naddress eth0@if7 10.0.0.9/16\n\
        address eth1 10.0.0.2/16\naddress eth1 fe80::2/64\naddress ib0 fd00::5/64\nend\n";
    const ROUTES: &str = "route eth0 00000000 0100000A 00000000\nroute docker0 000011AC 00000000 0000FFFF\n\
        route eth0 0000000A 00000000 0000FFFF\nroute ib0 0001A8C0 00000000 00FFFFFF\n";

    #[test]
    fn the_address_itself_decides_then_its_network_then_the_default_route() {
        for (answer, own, name) in [
            (ADDRESSES, "10.0.0.2", Some("eth1")),
            (ADDRESSES, "10.0.0.9", Some("eth0")),
            (ADDRESSES, "172.17.0.1", Some("docker0")),
            (ADDRESSES, "fd00::5", Some("ib0")),
            (ADDRESSES, "127.0.0.2", Some("lo")),
            (ROUTES, "192.168.1.77", Some("ib0")),
            (ROUTES, "10.0.3.4", Some("eth0")),
            (ROUTES, "203.0.113.5", Some("eth0")),
            (ROUTES, "127.0.0.2", Some("lo")),
            (ROUTES, "fd00::5", None),
            ("", "10.0.0.2", None),
            (ADDRESSES, "", None),
        ] {
            assert_eq!(carrying(own, answer).as_deref(), name, "{own}");
        }
    }
}
