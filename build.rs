//! A new migration is noticed by the build.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
