//! Scope tokens and sets.

use super::*;

#[test]
fn a_scope_is_a_token_of_rfc_6749() {
    for good in ["a", "mcp:read", "!", "~", "#$%&'()*+,-./09:;<=>?@AZ[]^_`az{|}", &"x".repeat(64)] {
        assert_eq!(Scope::new(good).unwrap().as_str(), good);
    }
    for bad in ["", " ", "a b", "\"", "\\", "a\t", "a\n", "\u{7f}", "ä", &"x".repeat(65)] {
        assert_eq!(Scope::new(bad), Err(BadScope), "{bad:?}");
    }
}

#[test]
fn a_set_is_written_sorted_and_read_in_any_order() {
    assert_eq!(set("b a  b ").to_string(), "a b");
    assert_eq!(set("").to_string(), "");
    assert_eq!(ScopeSet::parse("a\tb"), Err(BadScope));
    assert_eq!(serde_json::to_value(set("b a")).unwrap(), json!("a b"));
    assert_eq!(serde_json::from_value::<ScopeSet>(json!("b a")).unwrap(), set("a b"));
    assert!(serde_json::from_value::<Scope>(json!("a b")).is_err());
}

#[test]
fn sets_combine() {
    let (one, two) = (set("a b"), set("b c"));
    assert_eq!(one.intersection(&two), set("b"));
    assert_eq!(one.union(&two), set("a b c"));
    assert!(set("b").is_subset(&one) && !two.is_subset(&one));
    assert!(one.contains("a") && !one.contains("c") && one.len() == 2);
}
