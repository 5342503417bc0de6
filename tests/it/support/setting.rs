//! How this run of the tests is set up, by the environment.

/// What a variable says.
pub(crate) fn setting(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "how this run of the tests is set up")]
    std::env::var(name).ok()
}

/// A number, or what is usual.
pub(crate) fn number(name: &str, usual: u64) -> u64 {
    setting(name).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Whether a test whose peer or right is missing must fail instead of being left out.
pub(crate) fn peers_required() -> bool {
    setting("DESKGATE_TEST_PEERS").as_deref() == Some("required")
}

/// A seed, printed so that a run can be repeated.
pub(crate) fn seed(test: &str) -> u64 {
    let now_ns = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.subsec_nanos());
    let seed = number("DESKGATE_TEST_SEED", u64::from(now_ns));
    println!("{test}: DESKGATE_TEST_SEED={seed}");
    seed
}
