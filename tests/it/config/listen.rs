use std::net::SocketAddr;

use sallyport::config::ListenAddress;

#[test]
fn localhost_is_both_loopback_addresses() {
    let sockets = ListenAddress::parse("localhost:8080").unwrap().sockets();
    let expected: [SocketAddr; 2] = ["127.0.0.1:8080".parse().unwrap(), "[::1]:8080".parse().unwrap()];
    assert_eq!(sockets, expected);
}

#[test]
fn an_ip_address_is_itself() {
    for text in ["0.0.0.0:443", "[::]:443", "[::1]:0"] {
        let address = ListenAddress::parse(text).unwrap();
        assert_eq!(address.to_string(), text);
        assert_eq!(address.sockets(), [text.parse().unwrap()]);
    }
}

#[test]
fn names_and_missing_ports_are_refused() {
    for text in ["8080", ":8080", "localhost", "localhost:http", "localhost:65536", "example.com:80", "127.0.0.1", ""] {
        assert!(ListenAddress::parse(text).is_err(), "{text}");
    }
}
