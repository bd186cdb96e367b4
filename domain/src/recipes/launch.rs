//! `train.sh`: what each node runs. Only NODE_RANK differs between the nodes of a run.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::command::Command;
use super::version::{Generation, Version};
use crate::shell::quote;

/// Where a run's processes meet and what they use.
#[derive(Debug, Clone)]
pub struct Launch<'a> {
    /// Nodes in rank order.
    pub nodes: Vec<LaunchNode<'a>>,
    pub gpus: Vec<u32>,
    pub master_port: u16,
    /// Where ms-swift caches datasets and takes its locks.
    pub modelscope_cache: &'a str,
    /// Megatron-LM's folder, for 3.x only: unset, 3.x clones it from the network at each start.
    pub megatron_lm_path: Option<&'a str>,
    /// What a person sets besides; theirs stand in place of ours.
    pub variables: &'a BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
pub struct LaunchNode<'a> {
    pub name: &'a str,
    /// Under which the other nodes reach it.
    pub address: &'a str,
    /// The interface that carries traffic between the nodes.
    pub interface: &'a str,
}

/// What the node with this rank sets for its processes.
pub fn variables<'a>(launch: &Launch<'a>, rank: usize, version: Version) -> Vec<(&'a str, String)> {
    let node = &launch.nodes[rank];
    let gpus = launch
        .gpus
        .iter()
        .map(u32::to_string)
        .collect::<Vec<_>>()
        .join(",");
    let mut variables = vec![
        ("NNODES", launch.nodes.len().to_string()),
        ("NODE_RANK", rank.to_string()),
        ("MASTER_ADDR", launch.nodes[0].address.to_owned()),
        ("MASTER_PORT", launch.master_port.to_string()),
        // Always: without it 3.10 and 3.11 refuse to start.
        ("NPROC_PER_NODE", launch.gpus.len().to_string()),
        ("CUDA_VISIBLE_DEVICES", gpus),
        ("GLOO_SOCKET_IFNAME", node.interface.to_owned()),
        ("NCCL_SOCKET_IFNAME", node.interface.to_owned()),
        ("MODELSCOPE_CACHE", launch.modelscope_cache.to_owned()),
        ("CUDA_DEVICE_MAX_CONNECTIONS", "1".to_owned()),
        (
            "PYTORCH_CUDA_ALLOC_CONF",
            "expandable_segments:True".to_owned(),
        ),
    ];
    // 4.x does not read it.
    if let (Some(path), false) = (
        launch.megatron_lm_path,
        version.generation() == Some(Generation::G3),
    ) {
        variables.push(("MEGATRON_LM_PATH", path.to_owned()));
    }
    variables.retain(|(name, _)| !launch.variables.contains_key(*name));
    let own = launch.variables.iter();
    variables.extend(own.map(|(name, value)| (name.as_str(), value.clone())));
    variables
}

/// The script of the node with this rank.
pub fn script(launch: &Launch<'_>, rank: usize, command: &Command, version: Version) -> String {
    let node = &launch.nodes[rank];
    let mut text = format!(
        "#!/bin/sh\n# {}, ms-swift {version}\nset -eu\n",
        node.name.replace(['\n', '\r'], " ")
    );
    for (name, value) in variables(launch, rank, version) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "export {name}={}", quote(&value));
    }
    let _ = writeln!(text, "exec {}", command.render());
    text
}

/// The MASTER_PORT of a script that `script` wrote.
pub fn master_port(script: &str) -> Option<u16> {
    script
        .lines()
        .find_map(|line| line.strip_prefix("export MASTER_PORT="))?
        .parse()
        .ok()
}

/// A name as that of a folder: letters and digits of any script stay, everything else becomes `-`.
pub fn folder_name(name: &str) -> String {
    let mapped: String = name
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || matches!(c, '_' | '.') {
                c
            } else {
                '-'
            }
        })
        .collect();
    let trimmed = mapped.trim_matches(['-', '.']);
    if trimmed.is_empty() {
        "experiment".to_owned()
    } else {
        trimmed.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::{Train, train};
    use super::super::presets;
    use super::*;

    #[test]
    fn the_scripts_of_two_nodes_differ_in_their_rank_and_interface_only() {
        let version = Version::parse("4.6.0").expect("a version");
        let run = Train {
            model: "/m",
            mcore_model: "/m-mcore",
            dataset: "/d.jsonl",
            output: "/o",
        };
        let command = train(&run, &presets::lora(), version).expect("spoken");
        let node = |name, address, interface| LaunchNode {
            name,
            address,
            interface,
        };
        let launch = Launch {
            nodes: vec![
                node("node-1", "10.0.0.2", "eth0"),
                node("node-2", "10.0.0.3", "ib0"),
            ],
            gpus: vec![0, 1],
            master_port: 29_500,
            modelscope_cache: "/work/cache",
            megatron_lm_path: Some("/opt/Megatron-LM"),
            variables: &BTreeMap::new(),
        };
        let (first, second) = (
            script(&launch, 0, &command, version),
            script(&launch, 1, &command, version),
        );
        insta::assert_snapshot!(first);
        let differing: Vec<&str> = second
            .lines()
            .filter(|line| !first.lines().any(|other| other == *line))
            .collect();
        assert_eq!(
            differing,
            [
                "# node-2, ms-swift 4.6.0",
                "export NODE_RANK=1",
                "export GLOO_SOCKET_IFNAME=ib0",
                "export NCCL_SOCKET_IFNAME=ib0"
            ]
        );
        assert_eq!(master_port(&first), Some(29_500));
        assert_eq!(folder_name("../试验 1/a"), "试验-1-a");
        assert_eq!(folder_name(" / "), "experiment");
        assert!(!first.contains("MEGATRON_LM_PATH"), "4.x does not read it");
        let older = Version::parse("3.9.3").expect("a version");
        assert!(
            script(&launch, 0, &command, older)
                .contains("export MEGATRON_LM_PATH=/opt/Megatron-LM\n")
        );
    }
}
