//! What differs between releases of ms-swift in reading datasets. Read in the wheels of 3.9.3 … 4.6.0, measured with 3.9.3 and 4.6.0.

use crate::recipes::version::Version;

#[derive(Debug, Clone, Copy)]
pub(super) struct Traits {
    /// datasets 4.8 keeps columns of mixed types as JSON; earlier ones refuse the file.
    pub keeps_mixed: bool,
    /// OpenAI `tool_calls` and Anthropic blocks become turns.
    pub converts_calls: bool,
    /// `tools` becomes a list of objects when loading.
    pub normalizes_tools: bool,
    /// A tool result right after a user turn is folded into it.
    pub folds_results: bool,
    /// `loss_scale` of a turn is kept.
    pub has_loss_scale: bool,
    /// `loss` is taken as true or false, not as a number.
    pub takes_loss_as_bool: bool,
    /// `messages` as a text may be JSON; before, only what Python reads.
    pub reads_json_messages: bool,
    /// `rejected_response` may be a list of turns.
    pub has_rejected_turns: bool,
    /// A row without `rejected_messages` beside rows that have them is trained against itself, not dropped.
    pub fills_rejected: bool,
}

impl Traits {
    pub fn of(version: Version) -> Traits {
        let from = |major, minor| (version.major, version.minor) >= (major, minor);
        Traits {
            keeps_mixed: from(4, 2),
            converts_calls: from(4, 5),
            normalizes_tools: from(4, 5),
            folds_results: from(4, 5),
            has_loss_scale: from(4, 2),
            takes_loss_as_bool: from(3, 12),
            reads_json_messages: from(4, 6),
            has_rejected_turns: from(3, 12),
            fills_rejected: from(4, 4),
        }
    }
}
