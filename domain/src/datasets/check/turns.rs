//! The order of turns, as the templates of ms-swift read them: what is merged, what cannot stand where it stands.

use super::traits::Traits;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    System,
    User,
    Assistant,
    ToolCall,
    /// `tool` and `tool_response`.
    Tool,
}

impl Role {
    /// As ms-swift renames roles when it loads a row. None: a role it does not know.
    pub fn read(name: &str) -> Option<Role> {
        Some(match name {
            "system" => Role::System,
            "user" | "human" => Role::User,
            "assistant" | "gpt" | "bot" => Role::Assistant,
            "tool_call" | "function_call" | "function-call" => Role::ToolCall,
            "tool" | "tool_response" | "function_response" | "function-response"
            | "observation" | "observations" => Role::Tool,
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::ToolCall => "tool_call",
            Role::Tool => "tool_response",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misplaced {
    /// The turn with this number cannot stand there.
    Turn(usize),
    /// A tool result with no call before it.
    Result(usize),
    /// Nothing is left beside the system turn.
    Nothing,
}

/// What `_swift_encode` would stop at. Turns are the roles of a row in order; the numbers are places in that list.
pub(super) fn misplaced(
    roles: &[Role],
    traits: Traits,
    scratch: &mut Vec<(Role, usize)>,
) -> Option<Misplaced> {
    let turns = scratch;
    turns.clear();
    let skip = usize::from(roles.first() == Some(&Role::System));
    for (at, &role) in roles.iter().enumerate().skip(skip) {
        let last = turns.last().map(|&(role, _)| role);
        match role {
            // Calls in a row are one assistant turn, and that merges with the assistant turn before it.
            Role::ToolCall | Role::Assistant if last == Some(Role::Assistant) => {}
            Role::ToolCall | Role::Assistant => turns.push((Role::Assistant, at)),
            Role::Tool if last == Some(Role::Tool) => {}
            Role::Tool if last == Some(Role::Assistant) => turns.push((Role::Tool, at)),
            Role::Tool if last == Some(Role::User) && traits.folds_results => {}
            Role::Tool => return Some(Misplaced::Result(at)),
            Role::User if last == Some(Role::User) => {}
            Role::User | Role::System => turns.push((role, at)),
        }
    }
    if turns.is_empty() {
        return Some(Misplaced::Nothing);
    }
    // An empty question is put before an answer that comes first, and no answer after a question that comes last.
    let offset = usize::from(turns[0].0 == Role::Assistant);
    turns.iter().enumerate().find_map(|(n, &(role, at))| {
        let is_answer = (n + offset) % 2 == 1;
        let fits = if is_answer {
            role == Role::Assistant
        } else {
            matches!(role, Role::User | Role::Tool)
        };
        (!fits).then_some(Misplaced::Turn(at))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes::version::Version;

    fn look(roles: &str, version: &str) -> Option<Misplaced> {
        let roles: Vec<Role> = roles
            .chars()
            .map(|c| match c {
                's' => Role::System,
                'u' => Role::User,
                'a' => Role::Assistant,
                'c' => Role::ToolCall,
                _ => Role::Tool,
            })
            .collect();
        let traits = Traits::of(Version::parse(version).unwrap());
        misplaced(&roles, traits, &mut Vec::new())
    }

    #[test]
    fn turns_stand_where_the_templates_take_them() {
        for version in ["3.9.3", "4.6.0"] {
            for good in [
                "ua",
                "sua",
                "uaua",
                "a",
                "sa",
                "uaa",
                "uua",
                "u",
                "uau",
                "uctua".trim_end_matches("ua"),
                "ucta",
                "ucctta",
                "uc",
                "uca",
                "uacta",
                "cta",
                "uct",
            ] {
                assert_eq!(look(good, version), None, "{good} {version}");
            }
            assert_eq!(look("usa", version), Some(Misplaced::Turn(1)));
            assert_eq!(look("uasua", version), Some(Misplaced::Turn(2)));
            assert_eq!(look("uas", version), Some(Misplaced::Turn(2)));
            assert_eq!(look("ssua", version), Some(Misplaced::Turn(1)));
            assert_eq!(look("s", version), Some(Misplaced::Nothing));
            assert_eq!(look("ta", version), Some(Misplaced::Result(0)));
            assert_eq!(look("sta", version), Some(Misplaced::Result(1)));
            assert_eq!(look("uctua", version), Some(Misplaced::Turn(3)));
        }
        assert_eq!(look("uta", "3.9.3"), Some(Misplaced::Result(1)));
        assert_eq!(look("uta", "4.6.0"), None);
    }
}
