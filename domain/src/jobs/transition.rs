//! The whole life of a job, in one pure function.

use super::observation::{Look, Seen, complaint};
use super::{State, Success, Wanted};
use crate::language::Text;

/// What the reconciler is to do on a node. Each may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Start {
        rank: usize,
    },
    Stop {
        rank: usize,
    },
    /// Nothing of the job lives: its GPUs may be freed once their memory is seen to be free.
    Release,
}

/// Where a job goes from `state`, given what is wanted and what each rank's node shows (None: cannot be reached).
///
/// Unreachable nodes never change a state: they only make the job wait. Terminal states never leave. The new state is stored
/// before the actions are done, so that a crash in between repeats actions instead of forgetting them.
pub fn transition(
    state: &State,
    wanted: Wanted,
    success: &Success,
    looks: &[Look],
) -> (State, Vec<Action>) {
    match state {
        State::Succeeded | State::Failed { .. } | State::Stopped | State::Lost { .. } => {
            (state.clone(), Vec::new())
        }
        State::Pending => match wanted {
            Wanted::Stopped => (State::Stopped, vec![Action::Release]),
            Wanted::Running => (State::Starting, Vec::new()),
        },
        State::Starting | State::Running | State::Ready if wanted == Wanted::Stopped => {
            stopping(None, looks)
        }
        State::Starting => match first_complaint(success, looks) {
            Some(because) => stopping(Some(because), looks),
            None if looks.iter().all(|look| {
                look.as_ref()
                    .is_some_and(|process| process.seen != Seen::Absent)
            }) =>
            {
                // A short program may have ended before the first look.
                running(&State::Running, success, looks)
            }
            // Half a launch would wait for the other half, holding its GPUs: all nodes must answer first.
            None if looks.iter().any(Option::is_none) => (State::Starting, Vec::new()),
            // The main rank last: it waits for the others, they do not wait for it.
            None => (
                State::Starting,
                ranks(looks, |seen| *seen == Seen::Absent)
                    .rev()
                    .map(|rank| Action::Start { rank })
                    .collect(),
            ),
        },
        State::Running | State::Ready => running(state, success, looks),
        State::Stopping { because } => {
            if looks.iter().all(|look| {
                look.as_ref()
                    .is_some_and(super::observation::Process::is_over)
            }) {
                (ended(because, looks), vec![Action::Release])
            } else {
                (state.clone(), stops(looks))
            }
        }
    }
}

fn running(state: &State, success: &Success, looks: &[Look]) -> (State, Vec<Action>) {
    let vanished = || {
        ranks(looks, |seen| *seen == Seen::Absent)
            .next()
            .map(vanished)
    };
    if let Some(because) = first_complaint(success, looks).or_else(vanished) {
        return stopping(Some(because), looks);
    }
    let all_left = looks.iter().all(|look| {
        look.as_ref()
            .is_some_and(|process| matches!(process.seen, Seen::Exited { code: 0, .. }))
    });
    if !all_left {
        (state.clone(), Vec::new())
    } else if looks
        .iter()
        .flatten()
        .all(super::observation::Process::is_over)
    {
        (State::Succeeded, vec![Action::Release])
    } else {
        // The program has ended well but left children behind: they hold GPUs.
        (state.clone(), stops(looks))
    }
}

/// Something is to end: at once when nothing lives, else through `Stopping`.
fn stopping(because: Option<Text>, looks: &[Look]) -> (State, Vec<Action>) {
    (State::Stopping { because }, stops(looks))
}

fn stops(looks: &[Look]) -> Vec<Action> {
    let living = looks
        .iter()
        .enumerate()
        .filter(|(_, look)| look.as_ref().is_some_and(|process| !process.is_over()));
    living.map(|(rank, _)| Action::Stop { rank }).collect()
}

fn ended(because: &Option<Text>, looks: &[Look]) -> State {
    match because {
        None => State::Stopped,
        // Lost only when nothing says how it ended; an exit code of any rank is the better cause.
        Some(why)
            if looks
                .iter()
                .flatten()
                .all(|process| matches!(process.seen, Seen::Gone { .. } | Seen::Absent)) =>
        {
            State::Lost { why: why.clone() }
        }
        Some(cause) => State::Failed {
            cause: cause.clone(),
        },
    }
}

/// Somebody removed the folder of a process that had been started.
fn vanished(rank: usize) -> Text {
    Text::new(
        format!("The job folder of rank {rank} is gone from its node."),
        format!("节点 {rank} 上的任务目录已不存在。"),
    )
}

fn first_complaint(success: &Success, looks: &[Look]) -> Option<Text> {
    let seen = || {
        looks
            .iter()
            .enumerate()
            .filter_map(|(rank, look)| Some((rank, look.as_ref()?)))
    };
    seen()
        .find_map(|(rank, process)| complaint(rank, process))
        .or_else(|| {
            let left = *success == Success::Never
                && seen().any(|(_, process)| matches!(process.seen, Seen::Exited { .. }));
            left.then(|| Text::new("The engine ended by itself.", "推理引擎自行退出。"))
        })
}

fn ranks(looks: &[Look], wanted: impl Fn(&Seen) -> bool) -> impl DoubleEndedIterator<Item = usize> {
    let fitting: Vec<usize> = looks
        .iter()
        .enumerate()
        .filter(|(_, look)| look.as_ref().is_some_and(|process| wanted(&process.seen)))
        .map(|(rank, _)| rank)
        .collect();
    fitting.into_iter()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::observation::Process;
    use super::*;

    fn process(seen: Seen, marked: u32) -> Look {
        Some(Process {
            seen,
            marked,
            log_size: 0,
            log_inode: 0,
            loading: None,
        })
    }

    fn alive() -> Look {
        process(Seen::Alive, 2)
    }

    fn left(code: i32, closing: bool) -> Look {
        process(
            Seen::Exited {
                code,
                closing: Some(closing),
            },
            0,
        )
    }

    fn gone() -> Look {
        process(Seen::Gone { rebooted: false }, 0)
    }

    fn absent() -> Look {
        Some(Process::absent())
    }

    fn closing() -> Success {
        Success::ClosingLine {
            contains: "End time of running main: ".to_owned(),
        }
    }

    fn go(state: State, wanted: Wanted, looks: &[Look]) -> (&'static str, Vec<Action>) {
        let (state, actions) = transition(&state, wanted, &closing(), looks);
        (state.name(), actions)
    }

    #[test]
    fn a_launch_starts_the_main_rank_last_and_only_what_is_absent() {
        use Wanted::Running;
        assert_eq!(
            go(State::Pending, Running, &[absent(), absent()]),
            ("starting", vec![])
        );
        let both = vec![Action::Start { rank: 1 }, Action::Start { rank: 0 }];
        assert_eq!(
            go(State::Starting, Running, &[absent(), absent()]),
            ("starting", both)
        );
        assert_eq!(
            go(State::Starting, Running, &[absent(), alive()]),
            ("starting", vec![Action::Start { rank: 0 }])
        );
        assert_eq!(
            go(State::Starting, Running, &[alive(), alive()]),
            ("running", vec![])
        );
        assert_eq!(
            go(State::Starting, Running, &[left(0, true), left(0, true)]),
            ("succeeded", vec![Action::Release])
        );
    }

    #[test]
    fn an_unreachable_node_never_changes_a_state() {
        for state in [
            State::Starting,
            State::Running,
            State::Ready,
            State::Stopping { because: None },
        ] {
            let name = state.name();
            assert_eq!(go(state, Wanted::Running, &[None, None]), (name, vec![]));
        }
        assert_eq!(
            go(State::Running, Wanted::Running, &[left(0, true), None]),
            ("running", vec![])
        );
    }

    #[test]
    fn one_dead_rank_stops_the_others() {
        assert_eq!(
            go(State::Running, Wanted::Running, &[alive(), left(1, false)]),
            ("stopping", vec![Action::Stop { rank: 0 }])
        );
        assert_eq!(
            go(State::Running, Wanted::Running, &[gone(), alive()]),
            ("stopping", vec![Action::Stop { rank: 1 }])
        );
    }

    #[test]
    fn success_needs_exit_code_and_closing_line_of_every_rank() {
        assert_eq!(
            go(
                State::Running,
                Wanted::Running,
                &[left(0, true), left(0, true)]
            )
            .0,
            "succeeded"
        );
        assert_eq!(
            go(
                State::Running,
                Wanted::Running,
                &[left(0, true), left(0, false)]
            )
            .0,
            "stopping"
        );
        assert_eq!(
            go(State::Running, Wanted::Running, &[left(0, true), alive()]).0,
            "running"
        );
    }

    #[test]
    fn a_stop_ends_when_nothing_lives() {
        assert_eq!(
            go(State::Pending, Wanted::Stopped, &[absent()]),
            ("stopped", vec![Action::Release])
        );
        assert_eq!(
            go(State::Running, Wanted::Stopped, &[alive(), absent()]),
            ("stopping", vec![Action::Stop { rank: 0 }])
        );
        let stopping = State::Stopping { because: None };
        assert_eq!(
            go(
                stopping.clone(),
                Wanted::Stopped,
                &[process(
                    Seen::Exited {
                        code: 143,
                        closing: None
                    },
                    1
                )]
            )
            .0,
            "stopping"
        );
        assert_eq!(
            go(stopping, Wanted::Stopped, &[left(143, false), absent()]),
            ("stopped", vec![Action::Release])
        );
        let because = State::Stopping {
            because: Some(Text::new("x", "x")),
        };
        assert_eq!(
            go(
                because.clone(),
                Wanted::Running,
                &[left(1, false), left(143, false)]
            )
            .0,
            "failed"
        );
        assert_eq!(go(because, Wanted::Running, &[gone(), gone()]).0, "lost");
    }

    #[test]
    fn a_deployment_that_leaves_has_failed() {
        let looks = [process(
            Seen::Exited {
                code: 0,
                closing: None,
            },
            0,
        )];
        assert_eq!(
            transition(&State::Ready, Wanted::Running, &Success::Never, &looks)
                .0
                .name(),
            "stopping"
        );
    }

    fn any_look() -> impl Strategy<Value = Look> {
        prop_oneof![
            Just(None),
            Just(absent()),
            (0_u32..3).prop_map(|marked| process(Seen::Alive, marked)),
            (0_i32..3, proptest::option::of(any::<bool>()), 0_u32..2).prop_map(
                |(code, closing, marked)| process(Seen::Exited { code, closing }, marked)
            ),
            any::<bool>().prop_map(|rebooted| process(Seen::Gone { rebooted }, 0)),
        ]
    }

    proptest! {
        #[test]
        fn terminal_states_never_leave_and_every_other_one_ends_once_nothing_lives(
            looks in proptest::collection::vec(any_look(), 1..4), stop in any::<bool>(), code in 0_i32..2,
        ) {
            let wanted = if stop { Wanted::Stopped } else { Wanted::Running };
            let mut state = State::Pending;
            for _ in 0..6 {
                state = transition(&state, wanted, &closing(), &looks).0;
            }
            let over = vec![left(code, code == 0); looks.len()];
            for _ in 0..4 {
                state = transition(&state, wanted, &closing(), &over).0;
            }
            prop_assert!(state.is_terminal(), "{:?}", state);
            prop_assert_eq!(transition(&state, wanted, &closing(), &looks), (state.clone(), vec![]));
        }
    }
}
