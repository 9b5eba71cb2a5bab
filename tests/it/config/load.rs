use std::time::Duration;

use sallyport::config::{Config, Environment, LogFormat, Source};

use super::{load, minimal, problems};

const BASE: &str = "public_url = \"https://mcp.example.com\"\n";

fn with(more: &str) -> String {
    format!("{BASE}{more}")
}

#[test]
fn everything_but_the_public_url_has_a_default() {
    let config = minimal(&[]);
    assert_eq!(config.public_url.as_str(), "https://mcp.example.com");
    assert_eq!(config.listen.addresses().map(|a| a.to_string()).collect::<Vec<_>>(), ["localhost:8080"]);
    assert!(config.http.trusted_proxies.is_empty(), "nobody is believed who the client is");
    assert!(config.upstream.allow_networks.is_empty(), "no network may be reached");
    assert!(config.http.tls.is_none());
    assert_eq!(config.http.operations_listen.unwrap().to_string(), "127.0.0.1:9464");
    assert_eq!(config.http.shutdown, Duration::from_secs(30));
    assert_eq!(config.tokens.inner_jwt, Duration::from_secs(60));
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn a_misspelt_requirement_is_recognised() {
    let said = problems("publik_url = \"https://mcp.example.com\"\n", &[]);
    assert!(said.ends_with("publik_url: there is no such setting; did you mean public_url?"), "{said}");
}

#[test]
fn the_public_url_is_required() {
    assert_eq!(problems("", &[]), "public_url: is required; set it in the file or as SALLYPORT_PUBLIC_URL");
}

#[test]
fn every_problem_is_reported_at_once_and_names_its_key() {
    let toml = r#"
        public_url = "http://mcp.example.com"
        listen = ["0.0.0.0", "localhost:8080"]
        [http]
        trusted_proxis = ["10.0.0.0/8"]
        max_body_bytes = 1
        [http.tls]
        certificate = "/nowhere/tls.pem"
        key = "/nowhere/key.pem"
        [tokens]
        inner_jwt_seconds = 61
        access_seconds = 1.5
        [log]
        format = "xml"
    "#;
    let expected = [
        "public_url: must begin with https://; http:// is only for localhost, 127.0.0.1 and [::1]",
        "listen: must be localhost:PORT or IP:PORT, such as 0.0.0.0:8080 or [::]:8080, and \"0.0.0.0\" is not",
        "http.tls.certificate: cannot read \"/nowhere/tls.pem\": No such file or directory (os error 2)",
        "http.max_body_bytes: must be a whole number from 16384 to 67108864",
        "tokens.access_seconds: must be text or a whole number, not a decimal fraction",
        "tokens.inner_jwt_seconds: must be a whole number from 5 to 60",
        "log.format: must be json or human",
        "http.trusted_proxis: there is no such setting; did you mean http.trusted_proxies?",
    ];
    assert_eq!(problems(toml, &[]).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_variable_wins_over_the_file() {
    let toml = with("[http]\ntrusted_proxies = [\"10.0.0.0/8\"]\nshutdown_seconds = 5\n");
    let config =
        load(&toml, &[("SALLYPORT_HTTP__TRUSTED_PROXIES", "192.0.2.0/24, 2001:db8::/32,198.51.100.7")]).unwrap();
    let proxies: Vec<_> = config.http.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(proxies, ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32"]);
    assert_eq!(config.http.shutdown, Duration::from_secs(5));
}

#[test]
fn an_unknown_variable_is_a_mistake() {
    assert_eq!(
        problems(BASE, &[("SALLYPORT_HTTP__TRUSTED_PROXY", "10.0.0.0/8")]),
        "SALLYPORT_HTTP__TRUSTED_PROXY: there is no such setting"
    );
}

#[test]
fn variables_of_kubernetes_and_of_others_are_no_settings() {
    let variables =
        [("SALLYPORT_SERVICE_HOST", "10.0.0.1"), ("SALLYPORT_PORT_8080_TCP_ADDR", "10.0.0.1"), ("PATH", "/bin")];
    assert!(load(BASE, &variables).is_ok());
}

#[test]
fn an_empty_value_is_not_the_default() {
    assert_eq!(problems(BASE, &[("SALLYPORT_DATABASE__URL", "")]), "database.url: is empty; leave it out instead");
}

#[test]
fn broken_toml_names_its_line_and_quotes_nothing() {
    let text =
        problems("public_url = \"https://mcp.example.com\"\n[database]\nurl = \"postgres://u:hunter2@h/d\n", &[]);
    assert!(text.contains("sallyport.toml:3: "), "{text}");
    assert!(!text.contains("hunter2") && !text.contains('\n'), "{text}");
}

#[test]
fn a_missing_file_is_one_line() {
    let error = Config::load(Some("/nowhere/sallyport.toml".as_ref()), &Environment::default()).unwrap_err();
    assert_eq!(error.to_string(), "/nowhere/sallyport.toml: cannot read: No such file or directory (os error 2)");
}

#[test]
fn effective_settings_show_where_they_come_from_and_no_secret() {
    let toml = with("[database]\nurl = \"postgres://sallyport_app:hunter2@db/sallyport\"\n");
    let config = load(&toml, &[("SALLYPORT_LOG__FILTER", "debug"), ("SALLYPORT_KEYS", "hunter3")]).unwrap();
    let of = |key: &str| {
        let setting = config.settings().iter().find(|setting| setting.key == key).unwrap();
        (setting.value.as_str(), setting.source)
    };
    assert_eq!(of("database.url"), ("set", Source::File));
    assert_eq!(of("database.owner_url"), ("not set", Source::Default));
    assert_eq!(of("log.filter"), ("debug", Source::Environment));
    assert_eq!(of("SALLYPORT_KEYS"), ("set", Source::Environment));
    assert_eq!(of("http.operations_listen"), ("127.0.0.1:9464", Source::Default));
    let all = format!("{:?} {config:?}", config.settings());
    assert!(!all.contains("hunter"), "{all}");
}

#[test]
fn a_database_url_that_is_none_is_not_repeated() {
    let text = problems(&with("[database]\nurl = \"mysql://u:hunter2@h/d\"\n"), &[]);
    assert_eq!(text, "database.url: must be an address such as postgres://sallyport_app@db.internal/sallyport");
}

#[test]
fn the_operations_listener_can_be_switched_off() {
    assert_eq!(minimal(&[("SALLYPORT_HTTP__OPERATIONS_LISTEN", "off")]).http.operations_listen, None);
}

#[test]
fn a_refresh_token_does_not_outlive_its_family() {
    let text = problems(&with("[tokens]\nfamily_days = 10\n"), &[]);
    assert_eq!(text, "tokens.refresh_idle_days: is longer than tokens.family_days");
}

#[test]
fn a_network_with_host_bits_is_a_mistake() {
    let text = problems(&with("[upstream]\nallow_networks = [\"10.1.2.3/8\"]\n"), &[]);
    assert_eq!(text, "upstream.allow_networks: 10.1.2.3/8 has bits set beyond its prefix; write 10.0.0.0/8");
}

#[test]
fn authorities_for_upstreams_must_be_certificates() {
    let missing = problems(&with("[upstream]\nca_file = \"/no/such/file\"\n"), &[]);
    assert!(missing.starts_with("upstream.ca_file: cannot read"), "{missing}");
    let empty = problems(&with("[upstream]\nca_file = \"/dev/null\"\n"), &[]);
    assert_eq!(empty, "upstream.ca_file: \"/dev/null\" holds no certificate in PEM");
}

#[test]
fn a_development_installation_stays_on_this_computer() {
    let config = Config::dev("data".as_ref(), sallyport::config::Listen::parse("localhost:9000").unwrap());
    assert_eq!(config.public_url.as_str(), "http://localhost:9000");
    assert!(config.upstream.allow_networks.iter().all(|network| network.addr().is_loopback()));
    assert!(config.database.url.is_none() && config.http.operations_listen.is_none());
}
