//! The device flow (RFC 8628).

use super::{Tried, fake::Fake, tried};

async fn by_device(fault: &'static str) -> (Tried, String) {
    let fake = Fake::start(fault).await;
    let tried = tried(&[&fake.mcp(), "--device", "--json"], async |_| {}).await;
    (tried, fake.base.clone())
}

#[tokio::test]
async fn a_code_is_shown_and_waited_for() {
    let (tried, base) = by_device("").await;
    assert_eq!((tried.code, tried.codes()), (0, vec![]), "{}", tried.out);
    assert!(tried.err.contains(&format!("open {base}/activate and type WXYZ-1234")), "{}", tried.err);
    assert_eq!(tried.got("Ask for a code"), "a code, good for 60 seconds");
}

#[tokio::test]
async fn faults_of_the_device_flow_are_found() {
    for (fault, code, exit) in [
        ("device-no-code", "device-answer", 2),
        ("device-refuses", "device-answer", 2),
        ("device-expires-text", "device-answer", 1),
        ("device-denied", "token-refused", 2),
    ] {
        let (tried, _) = by_device(fault).await;
        assert_eq!(tried.code, exit, "{fault}: {}", tried.out);
        assert!(tried.codes().contains(&code.to_owned()), "{fault}: {}", tried.out);
    }
}
