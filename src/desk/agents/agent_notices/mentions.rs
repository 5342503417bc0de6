//! Whom a note names: `@` and an agent's full name or address, in any case (DSK-4).
//!
//! **Invariant:** the longest name that fits counts, so that `@Ana Example` names no agent called Ana.

use crate::domain::agent::Agent;
use crate::domain::id::AgentId;

/// Signs looked at in one note.
const SIGNS_MAX: usize = 50;

/// The agents named in `text`, each once.
pub(super) fn named(text: &str, agents: &[Agent]) -> Vec<AgentId> {
    let text = text.to_lowercase();
    let words: Vec<(AgentId, [String; 2])> = agents
        .iter()
        .filter(|agent| !agent.disabled)
        .map(|agent| (agent.id, [agent.name.to_lowercase(), agent.email.to_string().to_lowercase()]))
        .collect();
    let mut found: Vec<AgentId> = Vec::new();
    let mut before: Option<char> = None;
    let mut signs = 0;
    for (at, sign) in text.char_indices() {
        if sign == '@' && signs < SIGNS_MAX && !before.is_some_and(char::is_alphanumeric) {
            signs += 1;
            for agent in at_sign(text.get(at + 1..).unwrap_or_default(), &words) {
                if !found.contains(&agent) {
                    found.push(agent);
                }
            }
        }
        before = Some(sign);
    }
    found
}

/// Those whose name stands at the beginning of `rest`, and no longer one does; several may have the same name.
fn at_sign(rest: &str, words: &[(AgentId, [String; 2])]) -> Vec<AgentId> {
    let fits = |word: &str| {
        let after = rest.strip_prefix(word).filter(|_| !word.is_empty())?;
        (!after.chars().next().is_some_and(char::is_alphanumeric)).then_some(word.len())
    };
    let longest = |of: &[String; 2]| of.iter().filter_map(|word| fits(word)).max();
    let fitting: Vec<(AgentId, usize)> =
        words.iter().filter_map(|(agent, of)| longest(of).map(|length| (*agent, length))).collect();
    let most = fitting.iter().map(|(_, length)| *length).max();
    fitting.into_iter().filter(|(_, length)| Some(*length) == most).map(|(agent, _)| agent).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::address::Address;
    use crate::domain::agent::AgentRole;
    use crate::domain::id::Millis;

    fn agent(id: u64, name: &str, email: &str) -> Agent {
        Agent {
            id: AgentId(id),
            name: name.to_owned(),
            email: Address::parse(email).unwrap(),
            role: AgentRole::Agent,
            password_hash: None,
            disabled: false,
            created_at: Millis(0),
            away: None,
            assignment_limit: None,
            avatar: None,
            job_title: None,
            signature: None,
        }
    }

    #[test]
    fn ntf_15_a_note_names_agents_by_name_or_address() {
        let agents = [
            agent(1, "Ana", "ana@desk.example"),
            agent(2, "Ana Example", "ana.e@desk.example"),
            agent(3, "Jürgen Groß", "j@desk.example"),
        ];
        for (text, expected) in [
            ("@Ana please look", vec![1]),
            ("@ana example, please", vec![2]),
            ("please look @JÜRGEN GROß!", vec![3]),
            ("@j@desk.example and @Ana Example and @ana", vec![3, 2, 1]),
            ("mail to x@ana.example", vec![]),
            ("@Anatol is nobody here", vec![]),
            ("Ana Example without a sign", vec![]),
            ("@", vec![]),
        ] {
            let found: Vec<u64> = named(text, &agents).into_iter().map(|id| id.0).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
