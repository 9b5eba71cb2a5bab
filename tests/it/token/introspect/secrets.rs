//! Secrets of servers: from `apply` into use, one after another, and out.

use sallyport::{
    apply::{self, Document, Prune, ReadContext, Tools},
    keys::KeyKind,
    secret::{Entropy, Handle, HandleKind},
};

use crate::{
    gateway::world::BOTH,
    harness::{introspect::Asker, scratch::Scratch},
    keys::{held, rotate},
};

use super::{FORMS, asker, is_active_in_every_form, world};

struct Admin<'a> {
    world: &'a crate::gateway::world::World,
    scratch: Scratch,
}

impl Admin<'_> {
    fn secret(&self, file: &str) -> String {
        let handle = Handle::generate(HandleKind::ServerSecret, &Entropy::system()).unwrap();
        self.scratch.write(file, handle.expose());
        handle.expose().to_owned()
    }

    fn read(&self, line: &str) -> Result<Document, String> {
        let (app, upstream) = (&self.world.app.app, &self.world.upstream.url);
        let text = format!(
            "[[tenant]]\nslug = \"acme\"\nname = \"Tenant acme\"\n[[tenant.server]]\nslug = \"tools\"\n\
             name = \"Server tools\"\ndescription = \"What the tests use.\"\nupstream = \"{upstream}\"\n\
             audience = \"{upstream}#tools\"\n{line}\n"
        );
        let context =
            ReadContext { file: "acme.toml", directory: &self.scratch.path(""), public_url: &app.config.public_url };
        Document::read(&text, context).map_err(|mistakes| mistakes.to_string())
    }

    /// Applies, as the command does. Gives the plan.
    async fn apply(&self, line: &str) -> String {
        let (app, recorder) = (&self.world.app.app, self.world.app.recorder());
        let tools = Tools { store: &app.store, keyring: &app.keyring, hasher: &app.passwords, recorder: &recorder };
        let document = self.read(line).unwrap();
        let (plan, ticket) = apply::run(tools, &document, Prune::Nothing).await.unwrap();
        if let Some(ticket) = ticket {
            app.node.settle(ticket).await.unwrap();
        }
        plan.to_string()
    }

    async fn works(&self, secret: &str) -> bool {
        let asker = asker(self.world, secret);
        let mut seen = Vec::new();
        for form in FORMS {
            seen.push(asker.ask("noise", form).send().await.unwrap().status().as_u16());
        }
        match seen[..] {
            [200, 200, 204] => true,
            [401, 401, 401] => false,
            _ => panic!("{seen:?}"),
        }
    }
}

#[tokio::test]
async fn one_secret_follows_another() {
    let world = crate::gateway::world::World::start().await;
    let admin = Admin { world: &world, scratch: Scratch::new() };
    let (one, two) = (admin.secret("one"), admin.secret("two"));
    admin.apply("").await;
    assert!(!admin.works(&one).await);

    let plan = admin.apply("introspection_secret = { file = \"one\" }").await;
    assert!(plan.contains("introspection_secret") && !plan.contains("sp_ss_"), "{plan}");
    assert!(admin.works(&one).await && !admin.works(&two).await);
    assert!(!admin.apply("introspection_secret = { file = \"one\" }").await.contains("introspection_secret"));
    admin.apply("").await;
    assert!(admin.works(&one).await, "what the file does not name stays");

    // Both while the server is given the new one.
    admin.apply("introspection_secret = [{ file = \"one\" }, { file = \"two\" }]").await;
    assert!(admin.works(&one).await && admin.works(&two).await);
    admin.apply("introspection_secret = { file = \"two\" }").await;
    assert!(!admin.works(&one).await && admin.works(&two).await);

    let plan = admin.apply("introspection_secret = false").await;
    assert!(plan.contains("introspection_secret"), "{plan}");
    assert!(!admin.works(&two).await);
    let rows: i64 =
        sqlx::query_scalar("select count(*) from server_secret").fetch_one(&world.app.db.owner).await.unwrap();
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn a_secret_that_cannot_be_one_is_refused_and_not_repeated() {
    let world = crate::gateway::world::World::start().await;
    let admin = Admin { world: &world, scratch: Scratch::new() };
    admin.secret("one");
    let client = Handle::generate(HandleKind::ClientSecret, &Entropy::system()).unwrap();
    admin.scratch.write("client", client.expose());
    for (line, why) in [
        ("introspection_secret = \"canary\"", "is written here in clear"),
        ("introspection_secret = [\"canary\"]", "is written here in clear"),
        ("introspection_secret = { file = \"client\" }", "make one with `sallyport server secret`"),
        ("introspection_secret = { hash = \"canary\" }", "cannot be a hash"),
        ("introspection_secret = { file = \"nowhere\" }", "is missing"),
        ("introspection_secret = []", "must hold 1 to 3 secrets"),
        ("introspection_secret = [{ file = \"one\" }, { file = \"client\" }]", "make one with"),
        ("introspection_secret = true", "is written here in clear"),
    ] {
        let said = admin.read(line).unwrap_err();
        assert!(said.contains(why) && !said.contains("canary") && !said.contains("sp_"), "{line}: {said}");
    }
}

/// Under another pepper a secret goes on to work, moves when it is seen, and works when the old pepper is gone.
#[tokio::test]
async fn a_secret_moves_to_another_pepper() {
    let (world, secret) = world().await;
    let token = world.token(&BOTH).await.text;
    let asker: Asker<'_> = asker(&world, &secret);
    assert!(is_active_in_every_form(&asker, &token).await);
    let pepper = rotate(&world.app, KeyKind::Pepper).await;
    let under = async |id: &str| {
        let held = held(&world.app, KeyKind::Pepper, id).await;
        held.into_iter().filter(|held| held.what == "server_secret").map(|held| held.live).sum::<u64>()
    };
    assert_eq!((under(&pepper.old).await, under(&pepper.new).await), (1, 0));
    assert!(is_active_in_every_form(&asker, &token).await);
    assert_eq!((under(&pepper.old).await, under(&pepper.new).await), (0, 1));
    assert!(is_active_in_every_form(&asker, &token).await);
    // Nothing of it is left under the old one; what else there is goes by force.
    let (app, recorder) = (&world.app.app, world.app.recorder());
    let kind = (KeyKind::Pepper, pepper.old.as_str());
    let (_, ticket) =
        sallyport::keys::rotation::retire::retire(&app.store, &app.keyring, &recorder, kind, true).await.unwrap();
    app.node.settle(ticket.unwrap()).await.unwrap();
    assert_eq!(asker.ask("noise", super::JSON).send().await.unwrap().status(), 200);
}

/// One that was never seen under the new pepper ends with the old one, and nothing else does.
#[tokio::test]
async fn with_its_pepper_a_secret_ends() {
    let (world, secret) = world().await;
    let asker = asker(&world, &secret);
    let pepper = rotate(&world.app, KeyKind::Pepper).await;
    let (app, recorder) = (&world.app.app, world.app.recorder());
    let kind = (KeyKind::Pepper, pepper.old.as_str());
    let (_, ticket) =
        sallyport::keys::rotation::retire::retire(&app.store, &app.keyring, &recorder, kind, true).await.unwrap();
    app.node.settle(ticket.unwrap()).await.unwrap();
    assert_eq!(asker.ask("noise", super::JSON).send().await.unwrap().status(), 401);
    let ended: i64 =
        sqlx::query_scalar("select (body->>'server_secrets')::bigint from audit_event where kind = 'handles.ended'")
            .fetch_one(&world.app.db.owner)
            .await
            .unwrap();
    assert_eq!(ended, 1);
    let fresh = world.app.server_secret(world.tenant.id, world.server.id).await;
    assert!(is_active_in_every_form(&super::asker(&world, &fresh), &world.token(&BOTH).await.text).await);
}
