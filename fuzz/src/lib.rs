//! Fuzz targets of Sallyport. What they do is in `src/fuzzing/` of the main crate.

/// A fuzz target with a name of [`sallyport::fuzzing::TARGETS`].
#[macro_export]
macro_rules! fuzz {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::run($name, data));
    };
}

/// Runs the target of this name.
pub fn run(name: &str, data: &[u8]) {
    let target = sallyport::fuzzing::target(name);
    target.unwrap_or_else(|| panic!("there is no target {name}"))(data);
}
