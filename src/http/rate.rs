//! Request rates (API-6): fixed windows of 10 s per token and for the whole workspace.
//!
//! **Invariant:** memory is bounded by the tokens that were used within one window; every new window starts empty.

use crate::domain::id::Millis;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Length of a window.
const WINDOW_S: u64 = 10;
const WINDOWS_IN_A_MINUTE: u32 = 6;

/// How many requests are answered (API-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// With one token, a minute.
    pub per_token_per_minute: u32,
    /// With all tokens together, a minute.
    pub per_workspace_per_minute: u32,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self { per_token_per_minute: 10_000, per_workspace_per_minute: 25_000 }
    }
}

/// On whose account a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Account {
    /// A valid token, by the beginning of its hash.
    Token([u8; 16]),
    /// Everybody without one, together; they take nothing from the workspace.
    Anonymous,
}

/// What is left after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) admitted: bool,
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// When the next window begins, in Unix seconds.
    pub(crate) reset_at_s: u64,
    pub(crate) retry_after_s: u64,
}

#[derive(Debug, Default)]
struct Window {
    number: u64,
    used: HashMap<Account, u32>,
    workspace: u32,
}

/// The windows of all accounts.
#[derive(Debug)]
pub(crate) struct Rates {
    token_max: u32,
    workspace_max: u32,
    window: Mutex<Window>,
}

impl Default for Rates {
    fn default() -> Self {
        Self::new(RateLimits::default())
    }
}

impl Rates {
    /// Windows in which so many requests are answered, at least one.
    pub(crate) fn new(limits: RateLimits) -> Self {
        let in_a_window = |per_minute: u32| (per_minute / WINDOWS_IN_A_MINUTE).max(1);
        Self {
            token_max: in_a_window(limits.per_token_per_minute),
            workspace_max: in_a_window(limits.per_workspace_per_minute),
            window: Mutex::default(),
        }
    }

    /// Counts one request.
    pub(crate) fn take(&self, account: Account, now: Millis) -> Allowance {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let number = now.seconds() / WINDOW_S;
        if window.number != number {
            *window = Window { number, ..Window::default() };
        }
        let token = account != Account::Anonymous;
        let used = window.used.get(&account).copied().unwrap_or(0);
        let admitted = used < self.token_max && (!token || window.workspace < self.workspace_max);
        let used = if admitted { used.saturating_add(1) } else { used };
        if admitted {
            window.used.insert(account, used);
            window.workspace = window.workspace.saturating_add(u32::from(token));
        }
        let left_in_workspace =
            if token { self.workspace_max.saturating_sub(window.workspace) } else { self.token_max };
        let reset_at_s = (number + 1) * WINDOW_S;
        Allowance {
            admitted,
            limit: self.token_max,
            remaining: self.token_max.saturating_sub(used).min(left_in_workspace),
            reset_at_s,
            retry_after_s: reset_at_s.saturating_sub(now.seconds()).max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_767_225_603_000);

    #[test]
    fn api_6_a_token_is_turned_away_until_the_next_window() {
        let rates = Rates::default();
        let token = Account::Token([1; 16]);
        let first = rates.take(token, NOW);
        assert_eq!((first.admitted, first.remaining, first.reset_at_s), (true, 1665, 1_767_225_610));
        for _ in 1..10_000 / 6 {
            assert!(rates.take(token, NOW).admitted);
        }
        let refused = rates.take(token, NOW);
        assert_eq!((refused.admitted, refused.remaining, refused.retry_after_s), (false, 0, 7));
        assert!(rates.take(Account::Token([2; 16]), NOW).admitted, "another token has its own window");
        assert!(rates.take(token, Millis(NOW.0 + 7_000)).admitted, "the next window");
    }

    #[test]
    fn the_sysadmin_sets_the_limits() {
        let rates = Rates::new(RateLimits { per_token_per_minute: 12, per_workspace_per_minute: 18 });
        let admitted = |token| (0..3).filter(|_| rates.take(Account::Token([token; 16]), NOW).admitted).count();
        assert_eq!([admitted(1), admitted(2)], [2, 1]);
    }

    #[test]
    fn api_6_the_workspace_has_a_limit_that_strangers_do_not_use_up() {
        let rates = Rates::default();
        for _ in 0..=10_000 / 6 {
            rates.take(Account::Anonymous, NOW);
        }
        assert!(!rates.take(Account::Anonymous, NOW).admitted);
        let admitted = (0..=25_000_u32 / 6)
            .filter(|n| rates.take(Account::Token([u8::try_from(n % 100).unwrap(); 16]), NOW).admitted)
            .count();
        assert_eq!(admitted, 25_000 / 6);
    }
}
