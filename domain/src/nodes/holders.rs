//! What holds the memory of a node's GPUs: processes of ours, told by their cookie or their job's family file, and others.

use serde::{Deserialize, Serialize};

use super::NodeView;
use crate::language::Text;
use crate::shell::quote;

/// A process that holds memory of a GPU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub pid: u32,
    pub name: String,
    /// Of a job of ours. What is not is reported, never ended.
    pub is_ours: bool,
}

impl Holder {
    /// Of one that is not ours.
    pub fn text(&self) -> Text {
        let Holder { pid, name, .. } = self;
        Text::new(
            format!("held by PID {pid} {name} (not ours)"),
            format!("被进程 {pid} {name} 占用（不属于本控制台的任务）"),
        )
    }
}

/// Prints `held <gpu> <pid> <ours|foreign> <name>` for each; ends with another code than 0 when nvidia-smi does.
pub fn script(work_folder: &str) -> String {
    format!(
        r#"holders() (
  ask() {{ said=$(nvidia-smi "$@" --format=csv,noheader) || {{ code=$?; printf '%s\n' "$said"; exit $code; }}; }}
  ask --query-gpu=index,uuid; gpus=$said
  ask --query-compute-apps=gpu_uuid,pid,process_name; apps=$said
  printf '%s\n' "$apps" | while IFS=, read -r uuid pid name; do
    pid=$(printf %s "$pid" | tr -cd 0-9); [ -n "$pid" ] || continue
    gpu=$(printf '%s\n' "$gpus" | awk -F', *' -v u="$uuid" '$2 == u {{ print $1 }}')
    set --; read -r s 2>/dev/null < "/proc/$pid/stat" && s=${{s##*) }} && set -- $s
    whose=foreign
    if grep -qsz '^TRAINYARD_COOKIE=' "/proc/$pid/environ" || cat {work}/.trainyard/jobs/*/*/family 2>/dev/null | grep -qx "$pid ${{20:-}}"; then
      whose=ours
    fi
    echo "held ${{gpu:-?}} $pid $whose ${{name# }}"
  done
)
holders
"#,
        work = quote(work_folder),
    )
}

/// Reads those lines as (GPU, holder); others are left out.
pub fn parse(text: &str) -> Vec<(u32, Holder)> {
    text.lines().filter_map(holder).collect()
}

fn holder(line: &str) -> Option<(u32, Holder)> {
    let mut words = line.strip_prefix("held ")?.splitn(4, ' ');
    let gpu = words.next()?.parse().ok()?;
    let pid = words.next()?.parse().ok()?;
    let is_ours = words.next()? == "ours";
    let name = words.next().unwrap_or_default().trim().to_owned();
    Some((gpu, Holder { pid, name, is_ours }))
}

/// The GPUs that all of `nodes` have, the best choice first: neither reserved nor held by others on any of them, then only held, then
/// reserved.
pub fn ranked(nodes: &[NodeView]) -> Vec<u32> {
    let count = |view: &NodeView| view.probe.as_ref().map_or(0, |probe| probe.gpus.len());
    let fewest = nodes.iter().map(count).min().unwrap_or(0);
    let mut gpus: Vec<u32> = (0..u32::try_from(fewest).unwrap_or(u32::MAX)).collect();
    gpus.sort_by_key(|gpu| {
        let is_reserved = |view: &NodeView| view.reserved.iter().any(|held| held.gpu == *gpu);
        (
            nodes.iter().any(is_reserved),
            nodes.iter().any(|view| view.foreign_holder(*gpu).is_some()),
        )
    });
    gpus
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_read_and_others_left_out() {
        let found = parse(
            "gpu 0, x\nheld 1 77 foreign /usr/bin/python3 -m it\nheld ? 78 ours a\nheld 0 79 ours [Not Found]\nend\n",
        );
        let seen: Vec<(u32, u32, &str, bool)> = found
            .iter()
            .map(|(gpu, holder)| (*gpu, holder.pid, holder.name.as_str(), holder.is_ours))
            .collect();
        assert_eq!(
            seen,
            [
                (1, 77, "/usr/bin/python3 -m it", false),
                (0, 79, "[Not Found]", true)
            ]
        );
    }

    fn view(reserved: &[u32], foreign: &[u32], count: u32) -> NodeView {
        let id = "00000000-0000-7000-8000-000000000001";
        let gpus: Vec<serde_json::Value> = (0..count)
            .map(|index| {
                let holders: Vec<Holder> = foreign
                    .iter()
                    .filter(|gpu| **gpu == index)
                    .map(|_| Holder {
                        pid: 77,
                        name: "python".to_owned(),
                        is_ours: false,
                    })
                    .collect();
                serde_json::json!({"index": index, "name": "", "uuid": "", "memory_total_mib": 1, "memory_used_mib": 0, "holders": holders})
            })
            .collect();
        let reserved: Vec<serde_json::Value> = reserved
            .iter()
            .map(|gpu| serde_json::json!({"gpu": gpu, "job": id}))
            .collect();
        serde_json::from_value(serde_json::json!({
            "node": {
                "id": id, "project_id": id, "cluster_id": id, "rank": 0, "name": "node-0", "key": id, "host_key": "",
                "address": {"host": "h", "port": 22, "user": "u"}, "environment": {"kind": "direct"}, "work_folder": "/w",
                "mounts": [], "is_rehearsal": false, "created_at": 0
            },
            "probe": {
                "gpus": gpus, "packages": [], "interfaces": [], "internal_address": "", "has_rsync": true,
                "disk_free_bytes": null, "home": ""
            },
            "probed_at": 0, "unreachable": null, "reserved": reserved
        }))
        .expect("a view")
    }

    #[test]
    fn a_gpu_that_nothing_holds_comes_first() {
        assert_eq!(ranked(&[view(&[0], &[1], 4)]), [2, 3, 1, 0]);
        // The same ones on every node, as many as the smallest has.
        let nodes = [view(&[], &[0], 4), view(&[1], &[], 3)];
        assert_eq!(ranked(&nodes), [2, 0, 1]);
        assert_eq!(ranked(&[view(&[], &[], 0)]), [] as [u32; 0]);
    }
}
