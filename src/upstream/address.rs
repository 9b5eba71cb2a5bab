//! Which network addresses may be connected to. Pure.
//!
//! An IPv6 address can spell an IPv4 one (mapped, NAT64, 6to4, Teredo and older forms). Every spelling is judged, so that
//! no detour leads to an address that is closed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Why an address is not connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// No configuration opens it.
    #[error(
        "it is link-local, multicast, reserved or a cloud's metadata service, which upstreams never are; \
         no setting opens it"
    )]
    Never,
    /// What strangers name must be public.
    #[error("it is not a public address")]
    NotPublic,
    /// The platform's configuration does not open it.
    #[error("it lies outside upstream.allow_networks; add its network there if this upstream is meant")]
    Outside,
}

/// Judges `address` against the networks that the platform allows.
///
/// # Errors
/// [`Closed`], which says whether a setting could open the address.
pub(super) fn check(address: IpAddr, allow: &[IpNet]) -> Result<(), Closed> {
    let spelled = spellings(address);
    if spelled.iter().flatten().any(|address| is_never(*address)) {
        return Err(Closed::Never);
    }
    let open = |address: &IpAddr| allow.iter().any(|network| network.contains(address));
    if spelled.iter().flatten().all(open) { Ok(()) } else { Err(Closed::Outside) }
}

/// Judges `address` as one that a stranger named: public, or in the networks that the platform allows beside.
///
/// # Errors
/// [`Closed`]
pub(super) fn check_public(address: IpAddr, beside: &[IpNet]) -> Result<(), Closed> {
    let spelled = spellings(address);
    if spelled.iter().flatten().any(|address| is_never(*address)) {
        return Err(Closed::Never);
    }
    let open = |address: &IpAddr| is_public(*address) || beside.iter().any(|network| network.contains(address));
    if spelled.iter().flatten().all(open) { Ok(()) } else { Err(Closed::NotPublic) }
}

/// Not of the special-purpose registries (RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|network| network.contains(&address)),
        // Only what is given out for use between networks.
        IpAddr::V6(address) => {
            v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3).contains(&address)
                && !SPECIAL_V6.iter().any(|network| network.contains(&address))
        }
    }
}

/// What `address` reaches: the address itself and the IPv4 address inside it. A mapped address is the IPv4 one alone.
fn spellings(address: IpAddr) -> [Option<IpAddr>; 2] {
    match address {
        IpAddr::V4(_) => [Some(address), None],
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => [Some(IpAddr::V4(v4)), None],
            None => [Some(address), embedded(v6).map(IpAddr::V4)],
        },
    }
}

/// The IPv4 address that a transition mechanism put into `address`.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let two = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        // Loopback and unspecified look like IPv4-compatible ones.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        // IPv4-compatible (RFC 4291, 2.5.5.1), IPv4-translated (RFC 2765), NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(two(high, low))
        }
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => Some(two(high, low)),
        // Teredo (RFC 4380): the client's address, inverted.
        [0x2001, 0, _, _, _, _, high, low] => Some(two(!high, !low)),
        // ISATAP (RFC 5214).
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => Some(two(high, low)),
        _ => None,
    }
}

fn is_never(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => NEVER_V4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => NEVER_V6.iter().any(|network| network.contains(&address)),
    }
}

const NEVER_V4: [Ipv4Net; 8] = [
    v4([0, 0, 0, 0], 8),          // "this network", unspecified
    v4([169, 254, 0, 0], 16),     // link-local, and the metadata services of most clouds
    v4([100, 100, 100, 200], 32), // Alibaba Cloud metadata
    v4([168, 63, 129, 16], 32),   // Azure's host agent
    v4([192, 0, 0, 192], 32),     // Oracle Cloud metadata, classic
    v4([224, 0, 0, 0], 4),        // multicast
    v4([240, 0, 0, 0], 4),        // reserved, broadcast
    v4([192, 88, 99, 0], 24),     // 6to4 relays
];

const NEVER_V6: [Ipv6Net; 6] = [
    v6([0, 0, 0, 0, 0, 0, 0, 0], 128),              // unspecified
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),          // link-local
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),           // multicast
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128), // AWS metadata
    v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128),  // Google Cloud metadata
    v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48),       // local NAT64: where the IPv4 address lies is not known
];

const SPECIAL_V4: [Ipv4Net; 11] = [
    v4([10, 0, 0, 0], 8),      // private
    v4([100, 64, 0, 0], 10),   // shared by carriers' customers
    v4([127, 0, 0, 0], 8),     // loopback
    v4([172, 16, 0, 0], 12),   // private
    v4([192, 0, 0, 0], 24),    // protocol assignments
    v4([192, 0, 2, 0], 24),    // documentation
    v4([192, 31, 196, 0], 24), // AS112
    v4([192, 168, 0, 0], 16),  // private
    v4([198, 18, 0, 0], 15),   // benchmarks
    v4([198, 51, 100, 0], 24), // documentation
    v4([203, 0, 113, 0], 24),  // documentation
];

const SPECIAL_V6: [Ipv6Net; 4] = [
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), // protocol assignments, Teredo among them
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), // 6to4
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), // documentation
];

const fn v4([a, b, c, d]: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judge(address: &str, allow: &[&str]) -> Result<(), Closed> {
        let allow: Vec<IpNet> = allow.iter().map(|network| network.parse().unwrap()).collect();
        check(address.parse().unwrap(), &allow)
    }

    const ALL: [&str; 2] = ["0.0.0.0/0", "::/0"];

    #[test]
    fn nothing_is_open_unless_it_is_listed() {
        assert_eq!(judge("127.0.0.1", &[]), Err(Closed::Outside));
        assert_eq!(judge("127.0.0.1", &["127.0.0.0/8"]), Ok(()));
        assert_eq!(judge("::1", &["127.0.0.0/8"]), Err(Closed::Outside));
        assert_eq!(judge("::1", &["::1/128"]), Ok(()));
        assert_eq!(judge("10.1.2.3", &["10.1.0.0/16", "192.168.0.0/16"]), Ok(()));
        assert_eq!(judge("10.2.0.1", &["10.1.0.0/16"]), Err(Closed::Outside));
        assert_eq!(judge("8.8.8.8", &ALL), Ok(()));
        assert_eq!(judge("2a00:1450::1", &ALL), Ok(()));
    }

    #[test]
    fn no_setting_opens_link_local_metadata_multicast_or_unspecified() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "64:ff9b:1::1",
        ] {
            let itself = format!("{address}/{}", if address.contains(':') { 128 } else { 32 });
            assert_eq!(judge(address, &[&itself, ALL[0], ALL[1]]), Err(Closed::Never), "{address}");
        }
    }

    #[test]
    fn a_metadata_address_is_closed_in_every_spelling() {
        for address in [
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "2002:a9fe:a9fe::1",
            "2001:0:1:2:3:4:5601:5601",
            "2a00::5efe:169.254.169.254",
            "2a00::200:5efe:169.254.169.254",
        ] {
            assert_eq!(judge(address, &ALL), Err(Closed::Never), "{address}");
        }
    }

    #[test]
    fn a_mapped_address_counts_as_the_ipv4_address() {
        assert_eq!(judge("::ffff:10.0.0.1", &["10.0.0.0/8"]), Ok(()));
        assert_eq!(judge("::ffff:10.0.0.1", &["::/0"]), Err(Closed::Outside));
    }

    #[test]
    fn a_detour_needs_both_ends_to_be_open() {
        assert_eq!(judge("64:ff9b::10.0.0.1", &["::/0"]), Err(Closed::Outside));
        assert_eq!(judge("64:ff9b::10.0.0.1", &["10.0.0.0/8"]), Err(Closed::Outside));
        assert_eq!(judge("64:ff9b::10.0.0.1", &["64:ff9b::/96", "10.0.0.0/8"]), Ok(()));
    }

    fn public(address: &str) -> Result<(), Closed> {
        check_public(address.parse().unwrap(), &[])
    }

    #[test]
    fn strangers_name_public_addresses_only() {
        for address in
            ["8.8.8.8", "1.1.1.1", "2a00:1450::1", "2606:4700::1111", "::ffff:8.8.8.8", "100.63.0.1", "198.17.0.1"]
        {
            assert_eq!(public(address), Ok(()), "{address}");
        }
        for address in [
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "::1",
            "fc00::1",
            "fd12:3456::1",
            "2001:db8::1",
            "2001:20::1",
            "3fff::1",
            "5f00::1",
            "100::1",
            "64:ff9b::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::7f00:1",
            "2002:7f00:1::1",
            "2002:808:808::1",
            "2a00::5efe:10.0.0.1",
        ] {
            assert_eq!(public(address), Err(Closed::NotPublic), "{address}");
        }
        assert_eq!(public("169.254.169.254"), Err(Closed::Never));
        let beside: [IpNet; 1] = ["127.0.0.0/8".parse().unwrap()];
        assert_eq!(check_public("127.0.0.1".parse().unwrap(), &beside), Ok(()));
        assert_eq!(check_public("::1".parse().unwrap(), &beside), Err(Closed::NotPublic));
    }

    proptest! {
        /// The judgement of the standard library, where it has one.
        #[test]
        fn nothing_private_or_local_is_public(bits in any::<u32>()) {
            let v4 = Ipv4Addr::from_bits(bits);
            let closed = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_documentation()
                || v4.is_broadcast() || v4.is_multicast() || v4.is_unspecified();
            let judged = check_public(IpAddr::V4(v4), &[]);
            prop_assert!(!closed || judged.is_err());
            prop_assert_eq!(check_public(IpAddr::V6(v4.to_ipv6_mapped()), &[]), judged);
        }

        #[test]
        fn no_embedding_of_link_local_is_ever_open(low in any::<u16>()) {
            let [c, d] = low.to_be_bytes();
            let v4 = Ipv4Addr::new(169, 254, c, d);
            let allow: Vec<IpNet> = ALL.iter().map(|network| network.parse().unwrap()).collect();
            for address in [
                IpAddr::V4(v4),
                IpAddr::V6(v4.to_ipv6_mapped()),
                IpAddr::V6(v4.to_ipv6_compatible()),
                IpAddr::V6(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0xa9fe, low)),
                IpAddr::V6(Ipv6Addr::new(0x2002, 0xa9fe, low, 1, 2, 3, 4, 5)),
            ] {
                prop_assert_eq!(check(address, &allow), Err(Closed::Never));
            }
        }
    }
}
