//! Pages in a real browser: the programs in `tests/browser/`, on a running `sallyport dev`. Pictures are left in the target directory.

use std::path::Path;

use crate::clients::real::World;

/// An administrator's day without JavaScript, and every page of the console in each look: axe finds nothing, the browser complains
/// of nothing, nothing is scrolled sideways.
#[test]
fn the_console_works_and_is_accessible() {
    let world = World::start();
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console");
    let arguments = ["../browser/console.mjs", &world.ready("issuer"), pictures.to_str().unwrap()];
    let steps = world.run_as("admin", &arguments);
    let pages = |name: &str| steps.iter().find(|step| step["step"] == name).map(|step| step["pages"].as_u64().unwrap());
    for look in ["light", "dark", "phone", "phone-dark", "narrow"] {
        assert!(pages(look).is_some_and(|pages| pages > 20), "{steps:?}");
    }
}

/// What finds nothing must be able to find something.
#[test]
fn a_page_with_faults_is_refused() {
    let world = World::start();
    let steps = world.run_as("admin", &["../browser/faults.mjs", &world.ready("issuer")]);
    assert_eq!(steps.len(), 3, "{steps:?}");
}

/// Second factors without JavaScript, passkeys with Chromium's own authenticator, and each page of it in each look.
#[test]
fn second_factors_and_passkeys_work_and_are_accessible() {
    let world = World::start();
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("security");
    let arguments = ["../browser/security.mjs", &world.ready("issuer"), pictures.to_str().unwrap()];
    let steps = world.run_as("admin", &arguments);
    let names: Vec<&str> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(names, ["set up", "passkeys", "light", "dark", "phone", "phone-dark", "narrow"]);
}
