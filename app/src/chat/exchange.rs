//! A conversation is a tree; a pane shows one path through it: messages, each with the reply of its deployment.

use domain::chat::{Speaker, Turn, TurnState};

/// A message and the replies to it, in the order of their deployments' creation.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    pub message: Turn,
    pub replies: Vec<Turn>,
}

impl Exchange {
    /// The newest reply of a deployment; with one pane, of whichever answered.
    pub fn reply_of(&self, deployment: &str, is_only_pane: bool) -> Option<&Turn> {
        let is_its = |turn: &&Turn| {
            turn.deployment_id
                .as_ref()
                .is_some_and(|id| id.as_str() == deployment)
        };
        let its = self.replies.iter().rev().find(is_its);
        its.or_else(|| is_only_pane.then(|| self.replies.last()).flatten())
    }
}

/// The path to the newest message, first message first.
pub fn newest_path(turns: &[Turn]) -> Vec<Exchange> {
    let newest = turns
        .iter()
        .filter(|t| t.speaker == Speaker::User)
        .max_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    let mut path = Vec::new();
    let mut next = newest;
    while let Some(message) = next {
        let mut replies: Vec<Turn> = turns
            .iter()
            .filter(|t| {
                t.speaker == Speaker::Assistant && t.parent_id.as_ref() == Some(&message.id)
            })
            .cloned()
            .collect();
        replies.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        path.push(Exchange {
            message: message.clone(),
            replies,
        });
        // The message before: the parent's parent, over the reply (and over a system turn, which has no message before it).
        next = None;
        let mut parent = message.parent_id.as_ref();
        while let Some(turn) = parent.and_then(|id| turns.iter().find(|t| t.id == *id)) {
            if turn.speaker == Speaker::User {
                next = Some(turn);
                break;
            }
            parent = turn.parent_id.as_ref();
        }
        if path.len() > turns.len() {
            break; // a tree has no circles; a damaged one must not hang the page
        }
    }
    path.reverse();
    path
}

/// Replies that are being written.
pub fn streaming(turns: &[Turn]) -> Vec<String> {
    turns
        .iter()
        .filter(|t| t.state == TurnState::Streaming)
        .map(|t| t.id.to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::chat::{Parameters, Usage};
    use domain::time::Timestamp;

    fn turn(number: u8, parent: Option<u8>, speaker: Speaker) -> Turn {
        let id = |n: u8| format!("01936b2e-7a00-7000-8000-0000000000{n:02x}");
        Turn {
            id: id(number).parse().unwrap(),
            conversation_id: id(0).parse().unwrap(),
            parent_id: parent.map(|p| id(p).parse().unwrap()),
            speaker,
            text: number.to_string(),
            reasoning: String::new(),
            state: TurnState::Complete,
            deployment_id: (speaker == Speaker::Assistant)
                .then(|| id(0x80 + number % 2).parse().unwrap()),
            parameters: Parameters::default(),
            usage: Usage::default(),
            created_at: Timestamp(i64::from(number)),
        }
    }

    #[test]
    fn the_path_follows_the_newest_branch() {
        use Speaker::{Assistant, User};
        // 1 ← 2, 3 (two deployments); 4 after 2; 5 answers 4; 6 is 1 written anew, 7 answers it.
        let mut turns = vec![
            turn(1, None, User),
            turn(2, Some(1), Assistant),
            turn(3, Some(1), Assistant),
            turn(4, Some(2), User),
            turn(5, Some(4), Assistant),
        ];
        let texts = |turns: &[Turn]| {
            newest_path(turns)
                .into_iter()
                .map(|e| e.message.text)
                .collect::<Vec<_>>()
        };
        assert_eq!(texts(&turns), ["1", "4"]);
        assert_eq!(newest_path(&turns)[0].replies.len(), 2);
        turns.extend([turn(6, None, User), turn(7, Some(6), Assistant)]);
        assert_eq!(texts(&turns), ["6"]);
        assert!(newest_path(&[]).is_empty());
    }

    #[test]
    fn a_pane_shows_its_own_deployments_reply() {
        use Speaker::{Assistant, User};
        let path = newest_path(&[
            turn(1, None, User),
            turn(2, Some(1), Assistant),
            turn(3, Some(1), Assistant),
        ]);
        let of = |deployment: &str, is_only: bool| {
            path[0]
                .reply_of(deployment, is_only)
                .map(|t| t.text.clone())
        };
        assert_eq!(
            of("01936b2e-7a00-7000-8000-000000000080", false).as_deref(),
            Some("2")
        );
        assert_eq!(
            of("01936b2e-7a00-7000-8000-000000000081", false).as_deref(),
            Some("3")
        );
        assert_eq!(of("another", false), None);
        assert_eq!(of("another", true).as_deref(), Some("3"));
    }
}
