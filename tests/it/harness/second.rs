//! A login that waits for its second factor.

use sallyport::{
    people::second::recovery,
    secret::{Handle, HandleKind, hex},
    store::second::{self, NewStep},
};
use time::Duration;

use super::{
    app::{TestApp, TestTenant},
    browser::{Page, TestBrowser},
    totp::Authenticator,
};

/// Somebody of their own, who has an authenticator and recovery codes and has shown a password.
pub(crate) struct Waiting {
    /// The handle in the cookie `__Host-sp-l-…`.
    pub(crate) step: String,
    /// The cookie of a browser, and the form that was shown there.
    pub(crate) browser: String,
    pub(crate) csrf: String,
    /// What lets in.
    pub(crate) recovery: String,
    /// Somebody else who is logged in, with a key that is not set up yet.
    pub(crate) enrolling: Enrolling,
}

/// The page for a new authenticator, and what it shows now.
pub(crate) struct Enrolling {
    pub(crate) cookies: String,
    pub(crate) csrf: String,
    pub(crate) pending: String,
    pub(crate) code: String,
}

impl Enrolling {
    async fn of(app: &TestApp, tenant: &TestTenant, name: &str) -> Self {
        let person = app.person(tenant.id, name).await;
        let (browser, slug) = (TestBrowser::new(app), &tenant.slug);
        let login = browser.get(&format!("/t/{slug}/login")).await;
        let fields = [("username", name), ("password", &*person.password), ("csrf", &*login.hidden("csrf"))];
        let entered = browser.post(&format!("/t/{slug}/login"), &fields).await;
        let cookie = |page: &Page, place| {
            let name = format!("__Host-sp-{place}-{slug}");
            format!("{name}={}", page.cookie(&name).unwrap())
        };
        let page = browser.get(&format!("/t/{slug}/account/totp")).await;
        Self {
            cookies: [cookie(&login, "b"), cookie(&entered, "t")].join("; "),
            csrf: page.hidden("csrf"),
            pending: page.hidden("pending"),
            code: Authenticator::scan(&page).code(app, 0),
        }
    }
}

impl Waiting {
    pub(crate) async fn of(app: &TestApp, tenant: &TestTenant) -> Self {
        let name = format!("second-{}", hex(&*app.app.entropy.bytes::<8>().unwrap()));
        let person = app.person(tenant.id, &name).await.id;
        let (keyring, recorder, now) = (&app.app.keyring, app.recorder(), app.app.clock.now());
        let handle = Handle::generate(HandleKind::LoginStep, &app.app.entropy).unwrap();
        let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
        // Nobody opens it here.
        let sealed = keyring.seal(b"elsewhere", b"no secret", &app.app.entropy).unwrap();
        assert!(second::add_totp(&mut tx, person, &sealed, 0, now).await.unwrap());
        let codes = recovery::renew(&mut tx, (&recorder, keyring), person).await.unwrap();
        let amr = ["pwd".to_owned()];
        let stored = keyring.store(tenant.id, &handle);
        let expires_at = now + Duration::minutes(10);
        let step = NewStep { handle: &stored, person, amr: &amr, vouched: None, expires_at };
        second::begin(&mut tx, &step, now).await.unwrap();
        tx.commit().await.unwrap();
        let step = handle.expose().to_owned();
        let login = TestBrowser::new(app).get(&format!("/t/{}/login", tenant.slug)).await;
        let browser = login.cookie(&format!("__Host-sp-b-{}", tenant.slug)).unwrap().to_owned();
        let enrolling = Enrolling::of(app, tenant, &format!("own-{name}")).await;
        let mut this = Self { step, browser, csrf: String::new(), recovery: codes[0].show().to_string(), enrolling };
        let url = app.url(&format!("/t/{}/login/second", tenant.slug));
        let page = Page::of(app.http().get(url).header("cookie", this.cookies(tenant.slug.as_ref()))).await;
        this.csrf = page.hidden("csrf");
        this
    }

    /// As a browser sends them.
    pub(crate) fn cookies(&self, slug: &str) -> String {
        format!("__Host-sp-b-{slug}={}; __Host-sp-l-{slug}={}", self.browser, self.step)
    }
}
