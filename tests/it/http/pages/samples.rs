//! One of each page and state, with the kinds of text that break layouts.

mod console;

use askama::Template;
use sallyport::http::pages::{
    AskingClient, ClientView, ConsentPage, Deed, DeviceCodePage, DeviceDonePage, DevicePage, DeviceView, EnrolPage,
    ErrorLink, ErrorPage, FirstPage, GrantView, HistoryPage, InterstitialPage, LinkDonePage, LinkPage, LoginChoice,
    LoginPage, OwnLogin, OwnPasskey, OwnProvider, PasskeyAsk, PasskeyPage, PasswordPage, Qr, RecoveryPage, ReturnTo,
    SafeHref, ScopeChoice, SecondPage, SecurityPage, ServerView, SignedInPage, SignedOutPage,
};

/// A page that has been drawn.
pub(super) struct Sample {
    /// Its file name, without the end.
    pub(super) name: &'static str,
    /// The page.
    pub(super) html: String,
}

/// A page with something about it changed.
pub(super) fn with<T>(mut page: T, change: impl FnOnce(&mut T)) -> T {
    change(&mut page);
    page
}

fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

fn scope(name: &str, sentence: &str, tools: &[&str]) -> ScopeChoice {
    ScopeChoice { name: name.into(), sentence: sentence.into(), tools: strings(tools), checked: true }
}

/// A login for a client, the username known.
pub(super) fn login() -> LoginPage {
    LoginPage {
        tenant_name: "Northwind".into(),
        action: "/t/demo/login".into(),
        csrf: "csrf-token".into(),
        user_code: None,
        interaction: Some("interaction-handle".into()),
        back: None,
        username: "dana".into(),
        error: None,
        asking: Some(AskingClient { name: "Claude Code".into(), server_name: "Team notes".into() }),
        passkey: None,
        passwords: true,
        choices: Vec::new(),
    }
}

/// The same after a wrong password.
pub(super) fn login_failed() -> LoginPage {
    with(login(), |page| {
        page.error = Some("That username and password do not belong together. Check both and try again.".into());
    })
}

/// An invitation.
fn link() -> LinkPage {
    LinkPage {
        tenant_name: "Northwind".into(),
        action: "/t/demo/link".into(),
        csrf: "csrf-token".into(),
        link: "link-handle".into(),
        username: "dana".into(),
        invited: true,
        role: Some("administrator".into()),
        error: None,
    }
}

/// The everyday case: a command-line client that nobody vouches for, on this computer.
pub(super) fn consent() -> ConsentPage {
    ConsentPage {
        tenant_name: "Northwind".into(),
        action: "/t/demo/consent".into(),
        csrf: "csrf-token".into(),
        interaction: "interaction-handle".into(),
        client: ClientView {
            host: None,
            name: "Claude Code".into(),
            verified: false,
            vouched_by: None,
            uri: Some("claude.ai".into()),
            registered: "2 minutes ago".into(),
            client_id: "spc_7Hq2mZ4vT9xKc1Lw8RbN5d".into(),
        },
        return_to: ReturnTo::ThisComputer("localhost:33418".into()),
        server: ServerView {
            name: "Team notes".into(),
            description: "The notes and decisions of your team.".into(),
            resource: "https://gate.northwind.example/t/demo/mcp/notes".into(),
        },
        read: vec![scope("mcp:read", "Look up and read your notes", &["notes_search", "notes_read", "notes_list"])],
        change: vec![scope(
            "mcp:write",
            "Write notes, and change or delete those there are",
            &["notes_add", "notes_delete", "notes_tag"],
        )],
        person: "Dana Ruiz".into(),
        switch_action: "/t/demo/switch".into(),
        lifetime: "until you take it back, at most 30 days".into(),
        manage_url: "/t/demo/account".into(),
        changed: Vec::new(),
        allowed_before: false,
        error: None,
    }
}

/// A client that the tenant vouches for, on the web: nothing warns.
pub(super) fn verified() -> ConsentPage {
    with(consent(), |page| {
        page.client.name = "Claude".into();
        page.client.verified = true;
        page.client.client_id = "https://claude.ai/oauth/mcp-oauth-client-metadata".into();
        page.return_to = ReturnTo::Host("claude.ai".into());
    })
}

/// A terminal on another computer.
pub(super) fn device() -> DevicePage {
    let ConsentPage {
        tenant_name,
        csrf,
        client,
        server,
        read,
        change,
        person,
        switch_action,
        lifetime,
        manage_url,
        ..
    } = consent();
    DevicePage {
        tenant_name,
        action: "/t/demo/device/decision".into(),
        csrf,
        seen: "seen-token".into(),
        user_code: "WDJB-MJHT".into(),
        client,
        device: DeviceView {
            address: "203.0.113.7".into(),
            user_agent: Some("claude-cli/2.1.0 (external, cli)".into()),
            asked: "just now".into(),
        },
        server,
        read,
        change,
        person,
        switch_action,
        lifetime,
        manage_url,
        changed: Vec::new(),
        error: None,
    }
}

pub(super) fn device_code() -> DeviceCodePage {
    DeviceCodePage {
        tenant_name: "Northwind".into(),
        action: "/t/demo/device".into(),
        csrf: "csrf-token".into(),
        person: "Dana Ruiz".into(),
        switch_action: "/t/demo/switch".into(),
        given: false,
        user_code: String::new(),
        error: None,
    }
}

fn device_done(approved: bool) -> DeviceDonePage {
    DeviceDonePage {
        tenant_name: "Northwind".into(),
        client_name: "Claude Code".into(),
        server_name: "Team notes".into(),
        approved,
        manage_url: "/t/demo/account".into(),
    }
}

fn crowded() -> ConsentPage {
    with(consent(), |page| {
        page.client.name = "An Exceedingly Long-Named Assistant for Very Patient Analysts".into();
        page.return_to = ReturnTo::Host(
            "callback.eu-central-1.assistants.really-long-subdomain.hosting.partner-platform.example:8443".into(),
        );
        page.server.name = "Warehouse and order management".into();
        page.server.resource = "https://gate.operations.northwind-international.example/t/operations-europe/mcp/warehouse-and-order-management".into();
        page.read = (1..=7)
            .map(|n| {
                scope(
                    &format!("warehouse:area-{n}:read"),
                    "See what is in stock in one area of the warehouse, and what left it in the last year",
                    &["stock_list", "stock_history", "stock_search_by_supplier_and_storage_location"],
                )
            })
            .collect();
        page.change = (1..=5)
            .map(|n| {
                scope(
                    &format!("warehouse:area-{n}:write"),
                    "Order goods, move them and write them off",
                    &["order_create"],
                )
            })
            .collect();
        page.person = "dana.ruiz-santamaria.de-la-vega@operations.northwind-international.example".into();
    })
}

fn error() -> ErrorPage {
    ErrorPage {
        title: "This address is not one of the client’s".into(),
        what: "Claude Code asked to be answered at https://elsewhere.example/callback. Nothing was sent there.".into(),
        why: "A client may only be answered at an address that it registered, and this is none of them.".into(),
        now:
            "Start the login in the client once more. If this page comes back, tell the client’s makers the request id."
                .into(),
        request_id: "0199f3a2-6c1e-7b44-9a55-2f7d0c8e41b6".into(),
        link: None,
    }
}

fn interstitial() -> InterstitialPage {
    InterstitialPage {
        client_name: "Cursor".into(),
        href: SafeHref::new("cursor://anysphere.cursor-retrieval/oauth/callback?code=spk_abc&state=x%22y&iss=https%3A%2F%2Fgate.example").unwrap(),
        host_or_scheme: "cursor://".into(),
        approved: true,
    }
}

/// Every page, in every state that looks different.
pub(super) fn all() -> Vec<Sample> {
    let mut all = people();
    all.extend(console::all());
    all
}

fn sample(name: &'static str, page: impl Template) -> Sample {
    Sample { name, html: page.render().unwrap() }
}

/// Those for everybody.
fn people() -> Vec<Sample> {
    vec![
        sample("login", login()),
        sample("login-alone", LoginPage { interaction: None, asking: None, username: String::new(), ..login() }),
        sample("login-failed", login_failed()),
        sample("link-invitation", link()),
        sample(
            "link-reset-failed",
            with(link(), |page| {
                page.invited = false;
                page.error = Some("The two passwords differ. Type the same one twice.".into());
            }),
        ),
        sample(
            "link-done",
            LinkDonePage {
                tenant_name: "Northwind".into(),
                username: "dana".into(),
                login_href: "/t/demo/login".into(),
                console: Some("https://auth.example/console/t/demo".into()),
            },
        ),
        sample(
            "login-choices",
            with(login(), |page| {
                page.choices = vec![
                    LoginChoice {
                        name: "Northwind single sign-on".into(),
                        action: "/t/demo/login/with/northwind".into(),
                    },
                    LoginChoice { name: "GitHub".into(), action: "/t/demo/login/with/github".into() },
                ];
            }),
        ),
        sample(
            "login-device",
            LoginPage { interaction: None, asking: None, user_code: Some("none".into()), ..login() },
        ),
        sample("device-code", device_code()),
        sample("device-code-given", DeviceCodePage { given: true, user_code: "WDJB-MJHT".into(), ..device_code() }),
        sample(
            "device-code-wrong",
            with(device_code(), |page| {
                page.user_code = "WDJB-MJHX".into();
                page.error = Some("No device is waiting with this code. Check its letters.".into());
            }),
        ),
        sample("device", device()),
        sample(
            "device-changed",
            with(device(), |page| {
                page.client.verified = true;
                page.device.user_agent = None;
                page.device.address = "2001:db8:85a3:8d3:1319:8a2e:370:7348".into();
                page.changed = strings(&["When you allowed it before, it called itself “Claude”."]);
                page.error = Some("You allowed it, but left nothing ticked.".into());
            }),
        ),
        sample("device-allowed", device_done(true)),
        sample("device-denied", device_done(false)),
        sample("consent", consent()),
        sample("consent-verified", verified()),
        sample("consent-again", with(consent(), |page| page.allowed_before = true)),
        sample(
            "consent-program",
            with(consent(), |page| {
                page.client.name = "Cursor".into();
                page.return_to = ReturnTo::Program("cursor://anysphere.cursor-retrieval".into());
            }),
        ),
        sample(
            "consent-changed",
            with(consent(), |page| {
                page.allowed_before = true;
                page.changed = strings(&[
                    "Its name was “Claude”, now it is “Claude Code”.",
                    "It can now also send you back to localhost.",
                ]);
            }),
        ),
        sample(
            "consent-nothing-ticked",
            with(consent(), |page| {
                page.error =
                    Some("You cleared every box, so there is nothing to approve. Tick at least one, or deny.".into());
                page.read[0].checked = false;
                page.change[0].checked = false;
            }),
        ),
        sample("consent-change-only", with(consent(), |page| page.read.clear())),
        sample("consent-crowded", crowded()),
        sample(
            "consent-hostile",
            with(consent(), |page| {
                page.client.name =
                    "</h1><script>alert(1)</script>\u{202e}evil\u{200b}\n\u{301}\u{301}\u{301}\u{301}".into();
                page.client.uri = Some("x\"><img src=x>".into());
            }),
        ),
        sample("error", error()),
        sample(
            "error-return",
            with(error(), |page| {
                page.link = Some(ErrorLink {
                    label: "Return to claude.ai".into(),
                    href: SafeHref::new("https://claude.ai/callback?error=invalid_scope&state=x").unwrap(),
                });
            }),
        ),
        sample("interstitial", interstitial()),
        sample("interstitial-denied", InterstitialPage { approved: false, ..interstitial() }),
        sample(
            "signed-in",
            SignedInPage {
                tenant_name: "Northwind".into(),
                person: "Dana Ruiz".into(),
                console_href: None,
                security_href: "/t/demo/account/security".into(),
                history_href: "/t/demo/account/history".into(),
                logout_action: "/t/demo/logout".into(),
                revoke_action: "/t/demo/account/revoke".into(),
                csrf: "csrf-token".into(),
                grants: vec![grant("MCP Inspector", "2 minutes ago"), grant("Cursor", "40 days ago")],
            },
        ),
        sample("history", history()),
        sample("history-empty", with(history(), |page| (page.deeds, page.narrowed) = (Vec::new(), false))),
        sample("second", second()),
        sample(
            "second-failed",
            with(second(), |page| {
                page.error = Some("This code is not right, or was used before.".into());
            }),
        ),
        sample(
            "second-recovery",
            with(second(), |page| {
                page.recovery = true;
                page.error = Some("This recovery code is not right, or was used before.".into());
            }),
        ),
        sample(
            "second-passkey",
            with(second(), |page| {
                (page.totp, page.passkey) = (false, Some(passkey_ask()));
            }),
        ),
        sample("login-passkey", LoginPage { passkey: Some(passkey_ask()), ..login() }),
        sample("passkey", passkey()),
        sample("passkey-failed", PasskeyPage { error: Some("The passkey was not added.".into()), ..passkey() }),
        sample("enrol", enrol()),
        sample("enrol-own", with(enrol(), |page| page.required = false)),
        sample("enrol-failed", with(enrol(), |page| page.error = Some("That was not the code of this key.".into()))),
        sample("recovery", recovery(true)),
        sample("recovery-renewed", recovery(false)),
        sample("security", security()),
        sample(
            "security-bare",
            with(security(), |page| {
                (page.totp_since, page.totp_used, page.password_href) = (None, None, None);
                (page.has_any, page.passkey_href) = (false, None);
                page.passkeys.clear();
                page.logins.truncate(1);
            }),
        ),
        sample("password", password()),
        sample("password-failed", PasswordPage { error: Some("The two passwords differ.".into()), ..password() }),
        sample("first", first()),
        sample("first-failed", FirstPage { error: Some("The two passwords differ.".into()), ..first() }),
        sample("signed-out", SignedOutPage { tenant_name: "Northwind".into(), login_href: "/t/demo/login".into() }),
    ]
}

fn second() -> SecondPage {
    SecondPage {
        tenant_name: "Northwind".into(),
        action: "/t/demo/login/second".into(),
        csrf: "csrf-token".into(),
        waiting: Some(("interaction", "interaction-handle".into())),
        login_href: "/t/demo/login".into(),
        totp: true,
        passkey: None,
        recovery: false,
        error: None,
    }
}

fn passkey_ask() -> PasskeyAsk {
    PasskeyAsk {
        action: "/t/demo/login/passkey".into(),
        csrf: "csrf-token".into(),
        options: "{\"challenge\":\"AAAA\"}".into(),
    }
}

fn passkey() -> PasskeyPage {
    PasskeyPage {
        tenant_name: "Northwind".into(),
        ask: passkey_ask(),
        name: "Firefox on Linux".into(),
        back_href: "/t/demo/account/security".into(),
        error: None,
    }
}

fn enrol() -> EnrolPage {
    let uri = "otpauth://totp/Northwind:dana?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Northwind";
    EnrolPage {
        tenant_name: "Northwind".into(),
        action: "/t/demo/login/second".into(),
        csrf: "csrf-token".into(),
        waiting: None,
        required: true,
        back_href: "/t/demo/login".into(),
        qr: Qr::of(uri),
        uri: uri.to_owned().into(),
        secret: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_owned().into(),
        pending: "sealed".into(),
        error: None,
    }
}

fn recovery(enrolled: bool) -> RecoveryPage {
    RecoveryPage {
        tenant_name: "Northwind".into(),
        codes: (0..10).map(|n| format!("BCDF-GHJK-LM{}P", char::from(b"BCDFGHJKLM"[n])).into()).collect(),
        on_href: "/t/demo/account".into(),
        enrolled,
    }
}

fn security() -> SecurityPage {
    let login = |agent: &str, how: &str, here| OwnLogin {
        id: "00000000-0000-7000-8000-000000000000".into(),
        agent: agent.into(),
        how: how.into(),
        since: "2 hours ago".into(),
        here,
    };
    SecurityPage {
        tenant_name: "Northwind".into(),
        person: "Dana Ruiz".into(),
        account_href: "/t/demo/account".into(),
        csrf: "csrf-token".into(),
        totp_href: "/t/demo/account/totp".into(),
        totp_since: Some("12 days ago".into()),
        totp_used: Some("2 hours ago".into()),
        remove_action: "/t/demo/account/totp/remove".into(),
        required: true,
        has_any: true,
        passkey_href: Some("/t/demo/account/passkey".into()),
        passkey_action: "/t/demo/account/passkey/remove".into(),
        passkeys: vec![OwnPasskey {
            id: "00000000-0000-7000-8000-000000000000".into(),
            name: "Safari on <b>iPhone</b>".into(),
            since: "3 days ago".into(),
            used: Some("2 minutes ago".into()),
        }],
        link_action: "/t/demo/account/identity".into(),
        unlink_action: "/t/demo/account/identity/remove".into(),
        identities: vec![
            OwnProvider {
                slug: "staff".into(),
                name: "Northwind staff".into(),
                since: Some("2 days ago".into()),
                used: Some("just now".into()),
            },
            OwnProvider { slug: "other".into(), name: "Contoso".into(), since: None, used: None },
        ],
        recovery_codes: 9,
        recovery_action: "/t/demo/account/recovery".into(),
        password_href: Some("/t/demo/account/password".into()),
        end_action: "/t/demo/account/sessions/end".into(),
        logins: vec![
            login("Firefox on Linux", "with your password and a second factor", true),
            login("Safari on iPhone", "through <b>Company</b>", false),
            login("A browser", "with your password", false),
        ],
    }
}

fn history() -> HistoryPage {
    let deed = |what: &str, about: &[&str], bad| Deed {
        what: what.into(),
        about: strings(about),
        ago: "2 minutes ago".into(),
        at: "2026-08-03T10:00:00Z".into(),
        bad,
    };
    HistoryPage {
        tenant_name: "Northwind".into(),
        account_href: "/t/demo/account".into(),
        action: "/t/demo/account/history".into(),
        grant: Some(("01a2044a-7fc9-741f-b8ec-ccda468cf09f".into(), "<b>Cursor</b> on Team notes".into())),
        shows: vec![("", "Everything"), ("calls", "What programs did")],
        show: "calls".into(),
        narrowed: true,
        deeds: vec![
            deed("A program used a tool", &["<script>", "search_notes", "Team notes", "answered"], false),
            deed("A call was not allowed", &["MCP Inspector", "wipe", "Team notes"], true),
            deed("You logged in", &["with your password"], false),
        ],
        older_href: Some("/t/demo/account/history?before=01a2044a-7fc9-741f-b8ec-ccda468cf09f".into()),
        newest_href: None,
    }
}

fn password() -> PasswordPage {
    PasswordPage {
        tenant_name: "Northwind".into(),
        action: "/t/demo/account/password".into(),
        csrf: "csrf-token".into(),
        username: "dana".into(),
        back_href: "/t/demo/account/security".into(),
        error: None,
    }
}

fn first() -> FirstPage {
    FirstPage {
        link: "sp_pl_link".into(),
        name: "Northwind".into(),
        slug: "northwind".into(),
        username: "dana".into(),
        error: None,
    }
}

fn grant(client: &str, since: &str) -> GrantView {
    GrantView {
        id: "01a2044a-7fc9-741f-b8ec-ccda468cf09f".into(),
        client: client.into(),
        server: "Team notes".into(),
        may: vec!["See what this server offers, and use what only looks things up.".into()],
        since: since.into(),
        used: (since != "40 days ago").then(|| "1 minute ago".into()),
        history_href: "/t/demo/account/history?grant=01a2044a-7fc9-741f-b8ec-ccda468cf09f".into(),
        calls: console::chart().small(),
    }
}
