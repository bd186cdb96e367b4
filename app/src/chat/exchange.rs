//! A conversation is a tree; a pane shows one path through it: messages, each with the reply of its deployment.

use std::collections::HashMap;

use domain::chat::{Speaker, Turn, TurnState};
use domain::ids::TurnId;

/// A message on a pane's path, and the reply to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    pub message: Turn,
    /// The pane's deployment's own, else the newest: a pane that was just opened goes on from what another said.
    pub reply: Option<Turn>,
    /// What was said at this place, oldest first; `message` is one of them.
    pub versions: Vec<TurnId>,
    /// Under which a chosen version is remembered.
    pub place: Place,
}

/// The reply that a message follows; None: the beginning.
pub type Place = Option<TurnId>;

/// Versions that were chosen by hand.
pub type Chosen = HashMap<Place, TurnId>;

impl Exchange {
    /// Where `message` stands among its versions, from 1 on.
    pub fn version(&self) -> usize {
        let is_own = |id: &TurnId| *id == self.message.id;
        self.versions.iter().position(is_own).unwrap_or(0) + 1
    }

    /// The version before or after this one.
    pub fn other(&self, step: isize) -> Option<&TurnId> {
        let at = (self.version() - 1).checked_add_signed(step)?;
        self.versions.get(at)
    }
}

/// The order in which turns were said.
fn age(turn: &Turn) -> (domain::time::Timestamp, &TurnId) {
    (turn.created_at, &turn.id)
}

/// The reply that a message follows, over a system turn, which has none before it.
fn place_of<'a>(turns: &'a [Turn], message: &'a Turn) -> Place {
    let above = turns
        .iter()
        .find(|t| Some(&t.id) == message.parent_id.as_ref());
    above
        .filter(|turn| turn.speaker == Speaker::Assistant)
        .map(|turn| turn.id.clone())
}

/// One pane's way through the tree.
struct Walk<'a> {
    turns: &'a [Turn],
    deployment: &'a str,
    /// Messages by the place they stand at.
    messages: HashMap<Place, Vec<&'a Turn>>,
}

impl<'a> Walk<'a> {
    fn is_own(&self, reply: &Turn) -> bool {
        let id = reply.deployment_id.as_ref();
        id.is_some_and(|id| id.as_str() == self.deployment)
    }

    fn replies(&self, message: &Turn) -> impl Iterator<Item = &'a Turn> {
        let id = message.id.clone();
        let is_reply =
            move |t: &&Turn| t.speaker == Speaker::Assistant && t.parent_id.as_ref() == Some(&id);
        self.turns.iter().filter(is_reply)
    }

    fn reply(&self, message: &Turn) -> Option<&'a Turn> {
        let own = self.replies(message).filter(|reply| self.is_own(reply));
        own.max_by_key(|turn| age(turn))
            .or_else(|| self.replies(message).max_by_key(|turn| age(turn)))
    }

    /// What was said at a place; where the deployment answered some of it, only that.
    fn versions(&self, place: &Place) -> Vec<&'a Turn> {
        let all = self.messages.get(place).cloned().unwrap_or_default();
        let has_own = |message: &&Turn| self.replies(message).any(|reply| self.is_own(reply));
        let own: Vec<&Turn> = all.iter().copied().filter(has_own).collect();
        if own.is_empty() { all } else { own }
    }

    /// The newest message below this one that the pane would show, itself included.
    fn newest_below(&self, message: &'a Turn, depth: usize) -> &'a Turn {
        let below = self.reply(message).filter(|_| depth < self.turns.len());
        let place = below.map(|reply| reply.id.clone());
        let versions = place.map(|id| self.versions(&Some(id))).unwrap_or_default();
        let newest = versions
            .into_iter()
            .map(|next| self.newest_below(next, depth + 1));
        newest
            .chain([message])
            .max_by_key(|turn| age(turn))
            .unwrap_or(message)
    }
}

/// What a pane shows, first message first: at each place the version that was chosen, else the one that leads to the newest message.
pub fn path(turns: &[Turn], deployment: &str, chosen: &Chosen) -> Vec<Exchange> {
    let mut messages: HashMap<Place, Vec<&Turn>> = HashMap::new();
    for turn in turns.iter().filter(|t| t.speaker == Speaker::User) {
        messages
            .entry(place_of(turns, turn))
            .or_default()
            .push(turn);
    }
    for versions in messages.values_mut() {
        versions.sort_by_key(|turn| age(turn));
    }
    let walk = Walk {
        turns,
        deployment,
        messages,
    };
    let mut path: Vec<Exchange> = Vec::new();
    let mut place = None;
    // A tree has no circles; a damaged one must not hang the page.
    while path.len() <= turns.len() {
        let versions = walk.versions(&place);
        let wanted = chosen.get(&place);
        let by_hand = versions.iter().copied().find(|v| Some(&v.id) == wanted);
        let newest = || match versions.as_slice() {
            // Most places have one version: nothing needs to be looked for below it.
            [only] => Some(*only),
            _ => versions
                .iter()
                .copied()
                .max_by_key(|version| age(walk.newest_below(version, 0))),
        };
        let Some(message) = by_hand.or_else(newest) else {
            break;
        };
        let reply = walk.reply(message);
        path.push(Exchange {
            message: message.clone(),
            reply: reply.cloned(),
            versions: versions.iter().map(|turn| turn.id.clone()).collect(),
            place,
        });
        let Some(reply) = reply else { break };
        place = Some(reply.id.clone());
    }
    path
}

/// The deployments that were asked last, together: what a conversation opens with.
pub fn asked_last(turns: &[Turn]) -> Vec<String> {
    let said = turns.iter().filter(|t| t.speaker == Speaker::User);
    let newest = said.map(|turn| turn.created_at).max();
    let is_last = |reply: &&Turn| {
        // What is sent at once bears one time.
        let message = turns
            .iter()
            .find(|t| Some(&t.id) == reply.parent_id.as_ref());
        message.is_some_and(|m| m.speaker == Speaker::User && Some(m.created_at) == newest)
    };
    let mut asked = Vec::new();
    for reply in turns.iter().filter(is_last) {
        if let Some(id) = reply.deployment_id.as_ref().map(ToString::to_string)
            && !asked.contains(&id)
        {
            asked.push(id);
        }
    }
    asked
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

    const EVEN: &str = "01936b2e-7a00-7000-8000-000000000080";
    const ODD: &str = "01936b2e-7a00-7000-8000-000000000081";

    fn id(n: u8) -> TurnId {
        format!("01936b2e-7a00-7000-8000-0000000000{n:02x}")
            .parse()
            .unwrap()
    }

    /// Said at the time of its number; replies with even numbers are of one deployment, with odd ones of another.
    fn turn(number: u8, parent: Option<u8>, speaker: Speaker) -> Turn {
        let deployment = if number.is_multiple_of(2) { EVEN } else { ODD };
        Turn {
            id: id(number),
            conversation_id: "01936b2e-7a00-7000-8000-000000000000".parse().unwrap(),
            parent_id: parent.map(id),
            speaker,
            text: number.to_string(),
            reasoning: String::new(),
            state: TurnState::Complete,
            deployment_id: (speaker == Speaker::Assistant).then(|| deployment.parse().unwrap()),
            parameters: Parameters::default(),
            usage: Usage::default(),
            created_at: Timestamp(i64::from(number)),
        }
    }

    /// `message>reply` of each exchange.
    fn shown(turns: &[Turn], deployment: &str, chosen: &Chosen) -> Vec<String> {
        let said = |e: Exchange| {
            let reply = e.reply.map(|r| r.text).unwrap_or_default();
            format!("{}>{reply}", e.message.text)
        };
        path(turns, deployment, chosen)
            .into_iter()
            .map(said)
            .collect()
    }

    #[test]
    fn the_path_follows_the_newest_branch_and_an_older_one_when_it_is_chosen() {
        use Speaker::{Assistant, System, User};
        // A system turn, 2 answered by 4; 6 goes on after 4; 8 is 2 said anew, answered by 10.
        let turns = [
            turn(1, None, System),
            turn(2, Some(1), User),
            turn(4, Some(2), Assistant),
            turn(6, Some(4), User),
            turn(8, Some(1), User),
            turn(10, Some(8), Assistant),
        ];
        let newest = path(&turns, EVEN, &Chosen::new());
        assert_eq!(shown(&turns, EVEN, &Chosen::new()), ["8>10"]);
        assert_eq!((newest[0].version(), newest[0].versions.len()), (2, 2));
        assert_eq!(
            (newest[0].other(-1), newest[0].other(1)),
            (Some(&id(2)), None)
        );
        let chosen = Chosen::from([(newest[0].place.clone(), id(2))]);
        assert_eq!(shown(&turns, EVEN, &chosen), ["2>4", "6>"]);
        assert!(path(&[], EVEN, &chosen).is_empty());
    }

    #[test]
    fn each_pane_follows_its_own_replies() {
        use Speaker::{Assistant, User};
        // 1 is answered by both; then each pane was asked after its own reply.
        let mut turns = vec![
            turn(1, None, User),
            turn(2, Some(1), Assistant),
            turn(3, Some(1), Assistant),
        ];
        assert_eq!(shown(&turns, EVEN, &Chosen::new()), ["1>2"]);
        assert_eq!(shown(&turns, ODD, &Chosen::new()), ["1>3"]);
        let mut other = turn(5, Some(3), User);
        other.created_at = Timestamp(4);
        turns.extend([
            turn(4, Some(2), User),
            other,
            turn(6, Some(4), Assistant),
            turn(7, Some(5), Assistant),
        ]);
        assert_eq!(shown(&turns, EVEN, &Chosen::new()), ["1>2", "4>6"]);
        assert_eq!(shown(&turns, ODD, &Chosen::new()), ["1>3", "5>7"]);
        assert_eq!(asked_last(&turns), [EVEN, ODD]);
        // A pane of a third one shows what was said last, to go on from there.
        assert_eq!(shown(&turns, "another", &Chosen::new()).len(), 2);
    }
}
