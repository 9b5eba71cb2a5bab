//! What was counted since the last writing, within bounds.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use ipnet::{IpNet, Ipv6Net};
use time::OffsetDateTime;

use crate::{audit::Refused, ids::TenantId};

/// Sources that have an event of their own, for each tenant and each thing refused. Few: an office or a provider is one
/// source, so more than these at once are a flood, and of a flood only its size is of interest.
pub(super) const SOURCES: usize = 20;
/// Networks that are told apart among all further sources of a class. Of a larger flood it is known that it was larger.
pub(super) const OTHERS: usize = 1_000;
/// Networks of one IPv6 site that are sources of their own in a class. A customer of 64 bits is one network; whoever has more
/// of a site than these has all of it, and is one source from then on.
const OF_A_SITE: usize = 4;
/// Networks remembered at a time, over all tenants. What is counted where needs no room: there are only so many classes.
pub(super) const REMEMBERED: usize = 50_000;
/// The room that is kept for sources with an event of their own: a flood at some tenants takes no names from the others.
const KEPT: usize = REMEMBERED / 2;
/// Bits of an IPv6 site.
const SITE: u8 = 48;

/// Whose log: a tenant's, or the platform's.
pub(super) type Place = Option<TenantId>;

/// How often, and from when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) count: u64,
    pub(super) first: OffsetDateTime,
    pub(super) last: OffsetDateTime,
}

impl Span {
    const fn once(at: OffsetDateTime) -> Self {
        Self { count: 1, first: at, last: at }
    }

    fn again(&mut self, at: OffsetDateTime) {
        self.count = self.count.saturating_add(1);
        self.first = self.first.min(at);
        self.last = self.last.max(at);
    }
}

/// Where somebody unknown comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// One network.
    Network(IpNet),
    /// Many: at least so many different ones. None where there was no room to tell them apart.
    Others(Option<usize>),
}

/// One event to be.
pub(super) type Counted = (Refused, From, Span);

#[derive(Debug, Default)]
pub(super) struct Table {
    classes: HashMap<(Place, Refused), Class>,
    remembered: usize,
}

#[derive(Debug, Default)]
struct Class {
    sources: HashMap<(Refused, IpNet), Span>,
    others: Option<(Span, HashSet<IpNet>)>,
}

impl Table {
    pub(super) fn count(&mut self, place: Place, refused: Refused, network: IpAddr, at: OffsetDateTime) {
        let class = self.classes.entry((place, refused.class())).or_default();
        let network = class.source(refused, network);
        if let Some(span) = class.sources.get_mut(&(refused, network)) {
            return span.again(at);
        }
        let new = if class.sources.len() < SOURCES && self.remembered < REMEMBERED {
            class.sources.insert((refused, network), Span::once(at));
            true
        } else {
            class.other(network, self.remembered < REMEMBERED - KEPT, at)
        };
        self.remembered += usize::from(new);
    }

    /// Takes everything out, by place, but for the places that are busy: their counts go on.
    pub(super) fn take(&mut self, busy: impl Fn(Place) -> bool) -> HashMap<Place, Vec<Counted>> {
        let mut taken: HashMap<Place, Vec<Counted>> = HashMap::new();
        for ((place, refused), class) in self.classes.extract_if(|(place, _), _| !busy(*place)) {
            self.remembered -= class.remembers();
            taken.entry(place).or_default().extend(class.counted(refused));
        }
        taken
    }
}

impl Class {
    /// What somebody of `network` is counted as: that network, or its whole site.
    fn source(&self, refused: Refused, network: IpAddr) -> IpNet {
        let site: IpNet = match network {
            IpAddr::V4(_) => return network.into(),
            IpAddr::V6(address) => Ipv6Net::new(address, SITE).map_or(network.into(), |site| site.trunc().into()),
        };
        let network = IpNet::from(network);
        if self.sources.contains_key(&(refused, network)) {
            return network;
        }
        let of_the_site = self.sources.keys().filter(|(what, known)| *what == refused && site.contains(known));
        if of_the_site.count() < OF_A_SITE && self.sources.len() < SOURCES { network } else { site }
    }

    /// Counts for all who have no row of their own. True: remembers one more network.
    fn other(&mut self, network: IpNet, room: bool, at: OffsetDateTime) -> bool {
        let networks = match &mut self.others {
            Some((span, networks)) => {
                span.again(at);
                networks
            }
            none => &mut none.insert((Span::once(at), HashSet::new())).1,
        };
        room && networks.len() < OTHERS && networks.insert(network)
    }

    fn remembers(&self) -> usize {
        self.sources.len() + self.others.as_ref().map_or(0, |(_, networks)| networks.len())
    }

    fn counted(self, class: Refused) -> impl Iterator<Item = Counted> {
        let told_apart = |networks: HashSet<IpNet>| Some(networks.len()).filter(|number| *number > 0);
        let others = self.others.map(|(span, networks)| (class, From::Others(told_apart(networks)), span));
        let sources =
            self.sources.into_iter().map(|((refused, network), span)| (refused, From::Network(network), span));
        sources.chain(others)
    }
}

/// How a network is written: by its address, or as a site.
pub(super) fn text(network: IpNet) -> String {
    match network {
        IpNet::V6(site) if site.prefix_len() == SITE => site.to_string(),
        network => network.addr().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;
    use time::{Duration, macros::datetime};
    use uuid::Uuid;

    use super::*;
    use crate::ids::PersonId;

    const NOW: OffsetDateTime = datetime!(2026-08-03 10:00 UTC);
    const ABSENT: Refused = Refused::Bearer("absent");

    fn place(number: u128) -> Place {
        Some(TenantId(Uuid::from_u128(number)))
    }

    fn network(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(number))
    }

    fn all(table: &mut Table) -> HashMap<Place, Vec<Counted>> {
        table.take(|_| false)
    }

    #[test]
    fn one_source_is_one_row_with_its_count_and_times() {
        let mut table = Table::default();
        for seconds in [5, 3, 9] {
            table.count(place(1), ABSENT, network(7), NOW + Duration::seconds(seconds));
        }
        let span = Span { count: 3, first: NOW + Duration::seconds(3), last: NOW + Duration::seconds(9) };
        assert_eq!(all(&mut table)[&place(1)], [(ABSENT, From::Network(network(7).into()), span)]);
        assert!(all(&mut table).is_empty() && table.remembered == 0, "what was taken is gone");
    }

    #[test]
    fn more_sources_than_fit_are_summed_up() {
        let mut table = Table::default();
        let many = u32::try_from(SOURCES).unwrap() + 40;
        for round in 0..3 {
            for number in 0..many {
                let person = Some(PersonId(Uuid::from_u128(number.into())));
                table.count(place(1), Refused::Login { person, throttled: false }, network(number), NOW);
            }
            assert_eq!(table.remembered, SOURCES + 40, "round {round}");
        }
        let rows = all(&mut table).remove(&place(1)).unwrap();
        assert_eq!(rows.len(), SOURCES + 1);
        let others: Vec<_> = rows.iter().filter(|(_, from, _)| matches!(from, From::Others(_))).collect();
        let nobody = Refused::Login { person: None, throttled: false };
        assert_eq!(others, [&(nobody, From::Others(Some(40)), Span { count: 120, first: NOW, last: NOW })]);
    }

    #[test]
    fn a_busy_place_goes_on_counting() {
        let mut table = Table::default();
        table.count(place(1), ABSENT, network(1), NOW);
        table.count(place(2), ABSENT, network(1), NOW);
        assert!(!table.take(|busy| busy == place(1)).contains_key(&place(1)));
        table.count(place(1), ABSENT, network(1), NOW);
        let rows = all(&mut table);
        assert_eq!((rows.len(), rows[&place(1)][0].2.count), (1, 2));
    }

    #[test]
    fn a_flood_at_one_tenant_hides_nothing_at_another() {
        let mut table = Table::default();
        // More addresses than are remembered at all, at all places where somebody else floods.
        for tenant in 0..40 {
            for number in 0..3_000 {
                table.count(place(tenant), ABSENT, network(number), NOW);
            }
        }
        table.count(place(77), ABSENT, network(7), NOW);
        let rows = all(&mut table);
        assert_eq!(rows[&place(77)], [(ABSENT, From::Network(network(7).into()), Span::once(NOW))]);
        for tenant in 0..40 {
            let rows = &rows[&place(tenant)];
            assert_eq!(rows.len(), SOURCES + 1);
            assert_eq!(rows.iter().map(|(_, _, span)| span.count).sum::<u64>(), 3_000);
            let most = rows.iter().find_map(|(_, from, _)| if let From::Others(many) = from { *many } else { None });
            assert!(most.is_none_or(|many| many <= OTHERS), "{most:?}");
        }
    }

    #[test]
    fn a_site_with_many_networks_is_one_source() {
        let mut table = Table::default();
        let of_site =
            |site: u128, number: u128| IpAddr::V6(((0x2001_0db8 << 96) | (site << 80) | (number << 64)).into());
        for number in 0..60_000 {
            table.count(place(1), ABSENT, of_site(1, number), NOW);
        }
        // A customer with one network, at another provider.
        table.count(place(1), ABSENT, of_site(2, 9), NOW);
        let rows = all(&mut table).remove(&place(1)).unwrap();
        let mut counts: Vec<_> = rows
            .iter()
            .map(|(_, from, span)| match from {
                From::Network(network) => (text(*network), span.count),
                From::Others(_) => panic!("one site is no crowd"),
            })
            .collect();
        counts.sort();
        let one = |text: &str| (text.to_owned(), 1);
        assert_eq!(
            counts,
            [
                one("2001:db8:1:1::"),
                one("2001:db8:1:2::"),
                one("2001:db8:1:3::"),
                one("2001:db8:1::"),
                ("2001:db8:1::/48".to_owned(), 59_996),
                one("2001:db8:2:9::"),
            ]
        );
    }

    #[test]
    fn the_memory_has_an_end_and_nothing_is_lost_there() {
        let mut table = Table::default();
        let mut counted = 0;
        // More tenants than anybody has, each from more addresses than have a row.
        for tenant in 0..3_000 {
            for number in 0..30 {
                table.count(place(tenant), ABSENT, network(number), NOW);
                counted += 1;
            }
        }
        assert_eq!(table.remembered, REMEMBERED);
        let rows = all(&mut table);
        assert_eq!(rows.len(), 3_000, "each tenant has its counts");
        let sum: u64 = rows.values().flatten().map(|(_, _, span)| span.count).sum();
        assert_eq!(sum, counted);
        assert!(rows.values().map(Vec::len).sum::<usize>() <= REMEMBERED + rows.len());
        let others = rows.values().flatten().filter(|(_, from, _)| *from == From::Others(None)).count();
        assert!(others > 0, "where there is no room for addresses, they are counted as one");
    }

    proptest! {
        #[test]
        fn every_count_is_in_one_row(calls in prop::collection::vec((0_u128..3, 0_u32..200, 0_u8..3, any::<bool>()), 0..600)) {
            let mut table = Table::default();
            let (mut sum, mut rows) = (0, 0);
            let total = calls.len() as u64;
            for (tenant, from, what, take) in calls {
                let refused = match what {
                    0 => ABSENT,
                    1 => Refused::Login { person: Some(PersonId(Uuid::from_u128(from.into()))), throttled: false },
                    _ => Refused::Client,
                };
                table.count(place(tenant), refused, network(from), NOW);
                if take && from == 0 {
                    for row in table.take(|busy| busy == place(0)).into_values().flatten() {
                        sum += row.2.count;
                        rows += 1;
                    }
                }
            }
            for row in all(&mut table).into_values().flatten() {
                sum += row.2.count;
                rows += 1;
            }
            prop_assert_eq!(sum, total);
            prop_assert!(rows <= total);
            prop_assert_eq!(table.remembered, 0);
        }
    }
}
