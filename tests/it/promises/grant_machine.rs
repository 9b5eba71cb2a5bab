//! Grant, family and handles as a state machine: any order of what people, clients, administrators and time can do, through
//! the real endpoints, beside a model in which the design's sentences are plain rules.
//!
//! After each step every token that was ever given out is asked about. So nothing lives after its family died, a revoked
//! grant stays revoked, no handle can do more than it could when it was made nor more than its grant allows now, and no
//! family has two refresh tokens that have no successor.

mod model;
mod world;

use model::{Model, Scopes};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use tokio::{runtime::Handle, task::block_in_place};
use world::World;

/// Runs of the machine, and moves of each.
const RUNS: u32 = 10;
const MOVES: usize = 20;

/// One step.
#[derive(Clone, Debug)]
enum Step {
    /// The person allows the client these scopes.
    Authorize(Scopes),
    /// The client redeems a code: the newest, or any older one. `spoilt`: with a wrong verifier.
    Redeem { code: u16, spoilt: bool },
    /// The client refreshes in some family: by the newest token, or by one that is so many generations older.
    Refresh { family: u16, behind: usize, scopes: Option<Scopes> },
    /// RFC 7009, of any access token.
    RevokeAccess(u16),
    /// RFC 7009, of any refresh token.
    RevokeRefresh { family: u16, behind: usize },
    /// The person takes the grant back.
    RevokeGrant,
    /// The grant allows no more than this from now on.
    NarrowGrant(Scopes),
    /// An administrator disables the client, or enables it again.
    Client { active: bool },
    /// The same with the person.
    Person { active: bool },
    /// Time passes: seconds.
    Wait(u64),
}

fn scopes() -> impl Strategy<Value = Scopes> {
    (1..=Scopes::ALL.0).prop_map(Scopes)
}

/// How far a token lags: mostly not, or by one.
fn behind() -> impl Strategy<Value = usize> {
    prop_oneof![5 => Just(0_usize), 4 => Just(1), 3 => Just(2), 1 => Just(3), 1 => 4..9_usize]
}

fn step() -> impl Strategy<Value = Step> {
    let (minute, hour, day) = (60, 3600, 86_400);
    let wait = prop_oneof![
        3 => Just(1), 3 => Just(59), 3 => Just(minute), 2 => Just(minute + 1), 2 => Just(10 * minute), 2 => Just(8 * hour),
        1 => Just(day), 1 => Just(29 * day), 1 => Just(30 * day), 1 => Just(61 * day),
    ];
    let refresh = (any::<u16>(), behind(), prop::option::weighted(0.3, scopes()));
    prop_oneof![
        3 => scopes().prop_map(Step::Authorize),
        4 => (any::<u16>(), prop::bool::weighted(0.2)).prop_map(|(code, spoilt)| Step::Redeem { code, spoilt }),
        12 => refresh.prop_map(|(family, behind, scopes)| Step::Refresh { family, behind, scopes }),
        1 => any::<u16>().prop_map(Step::RevokeAccess),
        1 => (any::<u16>(), behind()).prop_map(|(family, behind)| Step::RevokeRefresh { family, behind }),
        1 => Just(Step::RevokeGrant),
        1 => scopes().prop_map(Step::NarrowGrant),
        1 => any::<bool>().prop_map(|active| Step::Client { active }),
        1 => any::<bool>().prop_map(|active| Step::Person { active }),
        6 => wait.prop_map(Step::Wait),
    ]
}

/// Steps that belong together: single ones, and the two ways to a token that lags.
fn moves() -> impl Strategy<Value = Vec<Step>> {
    let newest = |family| Step::Refresh { family, behind: 0, scopes: None };
    let lag = (any::<u16>(), 1..3_usize, 58..63_u64).prop_map(move |(family, behind, seconds)| {
        let late = Step::Refresh { family, behind, scopes: None };
        vec![newest(family), newest(family), Step::Wait(seconds), late]
    });
    let fresh =
        scopes().prop_map(|scopes| vec![Step::Authorize(scopes), Step::Redeem { code: u16::MAX, spoilt: false }]);
    prop_oneof![12 => step().prop_map(|step| vec![step]), 2 => lag, 2 => fresh]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_in_whatever_order_nothing_outlives_or_outgrows_its_grant() {
    let setting = world::Setting::start().await;
    let config = Config { cases: RUNS, max_shrink_time: 30_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let run = runner.run(&vec(moves(), MOVES), |moves| {
        let steps = moves.concat();
        block_in_place(|| Handle::current().block_on(run(&setting, &steps))).map_err(TestCaseError::fail)
    });
    run.unwrap_or_else(|failed| panic!("{failed}"));
}

async fn run(setting: &world::Setting, steps: &[Step]) -> Result<(), String> {
    let tenant = setting.newcomer().await;
    let mut world = World::new(setting, &tenant).await;
    let mut model = Model::new(setting.now(), setting.lifetimes());
    // Something to work with.
    let start = [Step::Authorize(Scopes::ALL), Step::Redeem { code: 0, spoilt: false }];
    for (at, step) in start.iter().chain(steps).enumerate() {
        take(&mut world, &mut model, step).await.map_err(|wrong| format!("step {at}, {step:?}: {wrong}"))?;
        world.check(&model).await.map_err(|wrong| format!("after step {at}, {step:?}: {wrong}"))?;
    }
    Ok(())
}

/// Takes a step in the world, and sees that its answer is the model's.
async fn take(world: &mut World<'_>, model: &mut Model, step: &Step) -> Result<(), String> {
    match step {
        Step::Authorize(scopes) => {
            let code = world.authorize(model, *scopes).await;
            same(&code.is_some(), &model.authorize(*scopes))?;
            world.codes.extend(code);
        }
        Step::Redeem { code, spoilt } => {
            let Some(at) = newest_or(model.codes.len(), *code) else { return Ok(()) };
            let answer = world.redeem(at, *spoilt).await;
            same(&answer, &model.redeem(at, *spoilt))?;
        }
        Step::Refresh { family, behind, scopes } => {
            let Some((family, generation)) = model.refresh_token(*family, *behind) else { return Ok(()) };
            let answer = world.refresh(family, generation, *scopes).await;
            same(&answer, &model.refresh(family, generation, *scopes))?;
        }
        Step::RevokeAccess(which) => {
            let Some(at) = newest_or(model.access.len(), *which) else { return Ok(()) };
            same(&world.revoke_access(at).await, &model.revoke_access(at))?;
        }
        Step::RevokeRefresh { family, behind } => {
            let Some((family, generation)) = model.refresh_token(*family, *behind) else { return Ok(()) };
            same(&world.revoke_refresh(family, generation).await, &model.revoke_refresh(family))?;
        }
        Step::RevokeGrant => {
            world.revoke_grant().await;
            model.revoke_grant();
        }
        Step::NarrowGrant(scopes) => {
            world.narrow_grant(*scopes).await;
            model.narrow_grant(*scopes);
        }
        Step::Client { active } => {
            world.set_client(*active).await;
            model.client = *active;
        }
        Step::Person { active } => {
            world.set_person(*active).await;
            model.person = *active;
        }
        Step::Wait(seconds) => {
            world.wait(*seconds);
            model.now += i64::try_from(*seconds).unwrap();
        }
    }
    Ok(())
}

fn same<T: std::fmt::Debug + PartialEq>(world: &T, model: &T) -> Result<(), String> {
    if world == model { Ok(()) } else { Err(format!("the world says {world:?}, the model {model:?}")) }
}

/// One of `count`; the newest half of the time, and by the highest number.
fn newest_or(count: usize, which: u16) -> Option<usize> {
    let newest = usize::from(which) >= usize::from(u16::MAX) / 2;
    (count > 0).then(|| if newest { count - 1 } else { usize::from(which) % count })
}
