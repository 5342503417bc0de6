//! Request rates (API-6): fixed windows of 10 s per token and for the whole workspace.
//!
//! **Invariant:** memory is bounded by the tokens that were used within one window; every new window starts empty.

use crate::domain::id::Millis;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Length of a window.
const WINDOW_S: u64 = 10;
/// 10,000 a minute.
const TOKEN_MAX: u32 = 10_000 / 6;
/// 25,000 a minute.
const WORKSPACE_MAX: u32 = 25_000 / 6;

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
#[derive(Debug, Default)]
pub(crate) struct Rates {
    window: Mutex<Window>,
}

impl Rates {
    /// Counts one request.
    pub(crate) fn take(&self, account: Account, now: Millis) -> Allowance {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let number = now.seconds() / WINDOW_S;
        if window.number != number {
            *window = Window { number, ..Window::default() };
        }
        let token = account != Account::Anonymous;
        let used = window.used.get(&account).copied().unwrap_or(0);
        let admitted = used < TOKEN_MAX && (!token || window.workspace < WORKSPACE_MAX);
        let used = if admitted { used.saturating_add(1) } else { used };
        if admitted {
            window.used.insert(account, used);
            window.workspace = window.workspace.saturating_add(u32::from(token));
        }
        let left_in_workspace = if token { WORKSPACE_MAX.saturating_sub(window.workspace) } else { TOKEN_MAX };
        let reset_at_s = (number + 1) * WINDOW_S;
        Allowance {
            admitted,
            limit: TOKEN_MAX,
            remaining: TOKEN_MAX.saturating_sub(used).min(left_in_workspace),
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
        for _ in 1..TOKEN_MAX {
            assert!(rates.take(token, NOW).admitted);
        }
        let refused = rates.take(token, NOW);
        assert_eq!((refused.admitted, refused.remaining, refused.retry_after_s), (false, 0, 7));
        assert!(rates.take(Account::Token([2; 16]), NOW).admitted, "another token has its own window");
        assert!(rates.take(token, Millis(NOW.0 + 7_000)).admitted, "the next window");
    }

    #[test]
    fn api_6_the_workspace_has_a_limit_that_strangers_do_not_use_up() {
        let rates = Rates::default();
        for _ in 0..=TOKEN_MAX {
            rates.take(Account::Anonymous, NOW);
        }
        assert!(!rates.take(Account::Anonymous, NOW).admitted);
        let admitted = (0..=WORKSPACE_MAX)
            .filter(|n| rates.take(Account::Token([u8::try_from(n % 100).unwrap(); 16]), NOW).admitted)
            .count();
        assert_eq!(admitted, usize::try_from(WORKSPACE_MAX).unwrap());
    }
}
