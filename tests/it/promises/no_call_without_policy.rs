//! Nothing reaches an upstream unless policy allowed it: any requests, good, bad and sly, in any order, with changes of what is
//! allowed in between, over real HTTP, beside a model in which the promises are plain rules.
//!
//! After each request the record of the upstreams has grown by what the model says, none or one; the client was told what the
//! model says; a call that went on carries Sallyport's own credential, and its intent was on the disk, when it arrived if it
//! changes anything; and nothing else left an intent.

mod draw;
mod message;
mod model;
mod policy;
mod request;
mod wire;
mod world;

use model::{Model, SERVERS, TENANTS, Tenant};
use policy::{Policy, Scopes};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, TestCaseError, TestRunner},
};
use request::Request;
use tokio::{runtime::Handle, task::block_in_place};
use world::World;

use crate::harness::evidence;

/// Runs, and moves of each.
const RUNS: u32 = 64;
const MOVES: usize = 12;

#[derive(Clone, Debug)]
enum Step {
    Ask(Request),
    /// Somebody allows a new client these scopes at a server.
    Issue {
        server: usize,
        scopes: Scopes,
    },
    /// A client refreshes, and asks for these scopes.
    Sibling {
        token: Index,
        scopes: Scopes,
    },
    /// The client takes a token back (RFC 7009).
    RevokeToken(Index),
    RevokeFamily(Index),
    RevokeGrant(Index),
    NarrowGrant {
        family: Index,
        scopes: Scopes,
    },
    /// An administrator disables a server, or enables it again.
    Server {
        server: usize,
        active: bool,
    },
    /// The same with a tenant; and whether a certain page may call.
    Tenant {
        tenant: usize,
        active: bool,
        page: bool,
    },
    Policy {
        server: usize,
        policy: Policy,
    },
    /// Time passes: seconds.
    Wait(u64),
}

fn change() -> impl Strategy<Value = Step> {
    let server = || 0..SERVERS.len();
    prop_oneof![
        3 => (server(), draw::scopes()).prop_map(|(server, scopes)| Step::Issue { server, scopes }),
        2 => (any::<Index>(), draw::scopes()).prop_map(|(token, scopes)| Step::Sibling { token, scopes }),
        1 => any::<Index>().prop_map(Step::RevokeToken),
        1 => any::<Index>().prop_map(Step::RevokeFamily),
        1 => any::<Index>().prop_map(Step::RevokeGrant),
        2 => (any::<Index>(), draw::scopes()).prop_map(|(family, scopes)| Step::NarrowGrant { family, scopes }),
        2 => (server(), any::<bool>()).prop_map(|(server, active)| Step::Server { server, active }),
        2 => (0..TENANTS, prop::bool::weighted(0.7), any::<bool>())
            .prop_map(|(tenant, active, page)| Step::Tenant { tenant, active, page }),
        5 => (server(), draw::policy()).prop_map(|(server, policy)| Step::Policy { server, policy }),
        1 => select(vec![600, 1800, 3599, 3600]).prop_map(Step::Wait),
    ]
}

/// Steps that belong together: mostly one, or a session that is opened and then presented by anybody.
fn moves() -> impl Strategy<Value = Vec<Step>> {
    let session = (draw::opening(), draw::with_session());
    let session = session.prop_map(|(open, present)| vec![Step::Ask(open), Step::Ask(present)]);
    let one = prop_oneof![11 => draw::request().prop_map(Step::Ask), 4 => change()];
    prop_oneof![5 => one.prop_map(|step| vec![step]), 1 => session]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_asked_in_whatever_order_only_what_policy_allows_reaches_an_upstream() {
    let setting = world::Setting::start().await;
    let config = Config { cases: RUNS, max_shrink_time: 30_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let run = runner.run(&vec(moves(), MOVES), |moves| {
        let steps = moves.concat();
        block_in_place(|| Handle::current().block_on(run(&setting, &steps))).map_err(TestCaseError::fail)
    });
    run.unwrap_or_else(|failed| panic!("{failed}"));

    let app = &setting.gateway.app;
    app.app.calls.finish().await.unwrap();
    let calls = evidence::calls(&app.db.owner).await;
    let intents: Vec<_> = calls.iter().filter(|call| call.kind == "call.intent").collect();
    assert_eq!(intents.len(), setting.gateway.upstream.count(), "as many intents as requests that upstreams had");
    let unanswered: Vec<_> = intents.iter().filter(|intent| intent.end() != "answered").collect();
    assert!(unanswered.is_empty(), "{unanswered:?}");
    // All of it was tried.
    let ends = setting.ends.lock().unwrap();
    for end in [
        "reaches",
        "scope",
        "forbidden",
        "other era",
        "session",
        "no server",
        "origin",
        "bad token",
        "no token",
        "no message",
    ] {
        assert!(ends.contains_key(end), "nothing came to {end}: {ends:?}");
    }
}

async fn run(setting: &world::Setting, steps: &[Step]) -> Result<(), String> {
    let mut model = Model::new(setting.now());
    let mut world = World::new(setting, &model).await;
    // Something to work with: much, little, and somebody at each of the other servers.
    let start = [(0, Scopes::ALL), (0, Scopes::READ), (1, Scopes::ALL), (2, Scopes::ALL)];
    let start = start.map(|(server, scopes)| Step::Issue { server, scopes });
    for (at, step) in start.iter().chain(steps).enumerate() {
        take(&mut world, &mut model, step).await.map_err(|wrong| format!("step {at}, {step:?}: {wrong}"))?;
    }
    Ok(())
}

async fn take(world: &mut World<'_>, model: &mut Model, step: &Step) -> Result<(), String> {
    match step {
        Step::Ask(request) => return world.ask(model, request).await,
        Step::Issue { server, scopes } => {
            world.issue(*server, *scopes).await;
            model.issue(*server, *scopes);
        }
        Step::Sibling { token, scopes } => {
            let family = model.family_of(token.index(model.tokens()));
            world.sibling(family, model.server_of(family), *scopes).await;
            model.sibling(family, *scopes);
        }
        Step::RevokeToken(token) => {
            let token = token.index(model.tokens());
            let family = model.family_of(token);
            let server = model.server_of(family);
            // Nobody answers for a tenant that is disabled.
            if model.tenants[SERVERS[server]].active {
                world.revoke_token(token, family, server).await;
                model.revoke_token(token);
            }
        }
        Step::RevokeFamily(family) => {
            let family = family.index(model.families());
            world.revoke_family(family, model.server_of(family)).await;
            model.revoke_family(family);
        }
        Step::RevokeGrant(family) => {
            let family = family.index(model.families());
            world.revoke_grant(family, model.server_of(family)).await;
            model.revoke_grant(family);
        }
        Step::NarrowGrant { family, scopes } => {
            let family = family.index(model.families());
            world.narrow_grant(family, model.server_of(family), *scopes).await;
            model.narrow_grant(family, *scopes);
        }
        Step::Server { server, active } => {
            model.servers[*server].active = *active;
            world.set_server(*server, &model.servers[*server]).await;
        }
        Step::Tenant { tenant, active, page } => {
            model.tenants[*tenant] = Tenant { active: *active, page: *page };
            world.set_tenant(*tenant, model.tenants[*tenant]).await;
        }
        Step::Policy { server, policy } => {
            model.servers[*server].policy = policy.clone();
            world.set_server(*server, &model.servers[*server]).await;
        }
        Step::Wait(seconds) => {
            world.wait(*seconds);
            model.now += i64::try_from(*seconds).unwrap();
        }
    }
    Ok(())
}

fn same<T: std::fmt::Debug + PartialEq>(what: &str, world: &T, model: &T) -> Result<(), String> {
    if world == model { Ok(()) } else { Err(format!("{what}: the world says {world:?}, the model {model:?}")) }
}
