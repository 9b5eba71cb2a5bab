use super::*;

#[test]
fn there_is_one_rule_for_each_thing() {
    for (at, rule) in RULES.iter().enumerate() {
        let same = RULES.iter().filter(|other| (other.page, other.action) == (rule.page, rule.action)).count();
        assert_eq!(same, 1, "{at}: {rule:?}");
    }
}

#[test]
fn auditors_change_nothing_and_members_see_nothing() {
    let reads = [Action::List, Action::Show, Action::Export];
    for rule in RULES {
        let (page, action) = (rule.page, rule.action);
        assert!(may(&[Role::Administrator], page, action).is_ok(), "{rule:?}");
        assert_eq!(may(&[Role::Auditor], page, action).is_ok(), reads.contains(&action), "{rule:?}");
        assert_eq!(may(&[Role::Member], page, action), Err(Denied::NoRole), "{rule:?}");
        assert_eq!(may(&[], page, action), Err(Denied::NoRole), "{rule:?}");
    }
}

#[test]
fn what_has_no_rule_nobody_may_do() {
    assert_eq!(may(&[Role::Administrator], Page::Keys, Action::Remove), Err(Denied::ReadsOnly));
}

#[test]
fn words_that_mean_nothing_give_nothing() {
    let words = ["Administrator", "root", "person"].map(str::to_owned);
    assert_eq!(Role::of_words(&words), [Role::Member]);
}

#[test]
fn the_table_in_the_manual_is_this_one() {
    let manual = include_str!("../../docs/console.md");
    assert!(manual.contains(&Matrix.to_string()), "docs/console.md has another table; this is it:\n{Matrix}");
}
