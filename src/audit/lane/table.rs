//! What was counted since the last writing, within bounds.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use time::OffsetDateTime;

use crate::{audit::Refused, ids::TenantId};

/// Sources that have an event of their own, for each tenant and each thing refused. Few: an office or a provider is one
/// source, so more than these at once are a flood, and of a flood only its size is of interest.
pub(super) const SOURCES: usize = 100;
/// Addresses remembered at a time, over all tenants.
pub(super) const REMEMBERED: usize = 50_000;

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
    Network(IpAddr),
    /// Many: at least so many different ones. None where nobody counted.
    Others(Option<usize>),
}

/// One event to be.
pub(super) type Counted = (Refused, From, Span);

#[derive(Debug, Default)]
pub(super) struct Table {
    classes: HashMap<(Place, Refused), Class>,
    remembered: usize,
    /// What came when there was no room for one more class: of whomever.
    spilled: Option<Span>,
}

#[derive(Debug, Default)]
struct Class {
    sources: HashMap<(Refused, IpAddr), Span>,
    others: Option<(Span, HashSet<IpAddr>)>,
}

impl Table {
    pub(super) fn count(&mut self, place: Place, refused: Refused, network: IpAddr, at: OffsetDateTime) {
        let room = self.remembered < REMEMBERED;
        let key = (place, refused.class());
        if !room && !self.classes.contains_key(&key) {
            return add(&mut self.spilled, at);
        }
        let class = self.classes.entry(key).or_default();
        if let Some(span) = class.sources.get_mut(&(refused, network)) {
            return span.again(at);
        }
        let new = if room && class.sources.len() < SOURCES {
            class.sources.insert((refused, network), Span::once(at));
            true
        } else {
            class.other(network, room, at)
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
        if !busy(None)
            && let Some(span) = self.spilled.take()
        {
            taken.entry(None).or_default().push((Refused::Request("overflow"), From::Others(None), span));
        }
        taken
    }
}

impl Class {
    /// Counts for all who have no row of their own. True: remembers one more address.
    fn other(&mut self, network: IpAddr, room: bool, at: OffsetDateTime) -> bool {
        match &mut self.others {
            Some((span, networks)) => {
                span.again(at);
                room && networks.insert(network)
            }
            None => {
                self.others = Some((Span::once(at), room.then_some(network).into_iter().collect()));
                room
            }
        }
    }

    fn remembers(&self) -> usize {
        self.sources.len() + self.others.as_ref().map_or(0, |(_, networks)| networks.len())
    }

    fn counted(self, class: Refused) -> impl Iterator<Item = Counted> {
        let others = self.others.map(|(span, networks)| (class, From::Others(Some(networks.len())), span));
        let sources =
            self.sources.into_iter().map(|((refused, network), span)| (refused, From::Network(network), span));
        sources.chain(others)
    }
}

fn add(span: &mut Option<Span>, at: OffsetDateTime) {
    match span {
        Some(span) => span.again(at),
        None => *span = Some(Span::once(at)),
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
        assert_eq!(all(&mut table)[&place(1)], [(ABSENT, From::Network(network(7)), span)]);
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
    fn the_memory_has_an_end_and_nothing_is_lost_there() {
        let mut table = Table::default();
        let mut counted = 0;
        // More tenants than anybody has, each from more addresses than fit.
        for tenant in 0..600 {
            for number in 0..150 {
                table.count(place(tenant), ABSENT, network(number), NOW);
                counted += 1;
            }
        }
        assert_eq!(table.remembered, REMEMBERED);
        let rows = all(&mut table);
        let sum: u64 = rows.values().flatten().map(|(_, _, span)| span.count).sum();
        assert_eq!(sum, counted);
        assert!(rows.values().map(Vec::len).sum::<usize>() <= REMEMBERED + rows.len());
        let spilled: Vec<_> = rows[&None].iter().map(|(refused, from, _)| (*refused, *from)).collect();
        assert_eq!(spilled, [(Refused::Request("overflow"), From::Others(None))]);
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
