//! Copies from node to node as the processes of one job (`domain::jobs::transfer` has the scripts).

use domain::jobs::ProcessSpec;
use domain::jobs::transfer::{self, Sender, file};
use domain::nodes::NodeView;

use crate::hosts::ephemeral_key;
use crate::{Result, clock};

/// The processes: rank 0 pulls into `target` on `receiver`, the others offer their folders.
///
/// The key pair is made here, lives sealed in the spec, and is worth nothing once the offers have ended.
pub(crate) fn processes(
    receiver: &NodeView,
    target: &str,
    senders: &[(&NodeView, String)],
    is_checkpoint: bool,
) -> Result<Vec<ProcessSpec>> {
    let key = ephemeral_key()?;
    let mark: String = clock::new_id::<domain::ids::JobId>().to_string();
    let mut known_hosts = String::new();
    let mut reached = Vec::with_capacity(senders.len());
    for (view, _) in senders {
        let sender = Sender {
            name: view.node.name.clone(),
            host: reachable_address(view),
            port: view.node.address.port,
            user: view.node.address.user.clone(),
        };
        known_hosts.push_str(&transfer::known_host(&sender, &view.node.host_key));
        reached.push(sender);
    }
    let mut processes = vec![ProcessSpec {
        rank: 0,
        node_id: receiver.node.id.clone(),
        gpus: Vec::new(),
        script: transfer::pull(target, &reached, is_checkpoint),
        files: vec![
            (file::KEY.to_owned(), key.private),
            (file::KNOWN_HOSTS.to_owned(), known_hosts),
            (file::REMOTE.to_owned(), transfer::REMOTE.to_owned()),
        ],
    }];
    for (rank, (view, folder)) in (1..).zip(senders) {
        processes.push(ProcessSpec {
            rank,
            node_id: view.node.id.clone(),
            gpus: Vec::new(),
            script: transfer::offer(folder, &key.public, &mark),
            files: vec![(file::SERVE.to_owned(), transfer::serve(folder))],
        });
    }
    Ok(processes)
}

/// Under which other nodes reach this one: what it sees itself as, else what the console knows it by.
pub(crate) fn reachable_address(view: &NodeView) -> String {
    view.probe
        .as_ref()
        .map(|probe| probe.internal_address.clone())
        .filter(|address| !address.is_empty())
        .unwrap_or_else(|| view.node.address.host.clone())
}
