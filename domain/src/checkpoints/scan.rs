//! What a node holds of a run's checkpoints: the text that asks, and its answer.

use crate::shell::quote;

/// What one node said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scan {
    /// (iteration, path below `checkpoint-N`, bytes)
    pub files: Vec<(u64, String, u64)>,
    /// (iteration, shard that its `.metadata` names)
    pub demanded: Vec<(u64, String)>,
}

/// Lists every file of `…/checkpoint-N`, and the shards that each `.metadata` spells out. Reads no weights.
pub fn script(run_folder: &str) -> String {
    format!(
        r#"cd {} 2>/dev/null || exit 0
for c in checkpoint-*; do
  case "$c" in *[!0-9]) continue ;; checkpoint-*-*) continue ;; esac
  [ -d "$c" ] && [ ! -L "$c" ] || continue
  find "$c" -type f -exec stat -c 'file %s %n' {{}} +
  for m in "$c"/iter_*/.metadata; do
    [ -e "$m" ] && grep -aoE '__[0-9]+_[0-9]+\.distcp' "$m" | sort -u | sed "s#^#demand $c #"
  done
done
"#,
        quote(run_folder)
    )
}

/// Reads the answer. Lines of another shape are left out.
pub fn parse(answer: &str) -> Scan {
    let mut scan = Scan::default();
    for line in answer.lines() {
        let mut words = line.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some("file"), Some(size), Some(path)) => {
                let read = || {
                    let (folder, below) = path.split_once('/')?;
                    Some((iteration(folder)?, below.to_owned(), size.parse().ok()?))
                };
                scan.files.extend(read());
            }
            (Some("demand"), Some(folder), Some(shard)) => {
                scan.demanded
                    .extend(iteration(folder).map(|iteration| (iteration, shard.to_owned())));
            }
            _ => {}
        }
    }
    scan
}

fn iteration(folder: &str) -> Option<u64> {
    folder.strip_prefix("checkpoint-")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::{HeldFile, complete_on};
    use super::*;

    #[test]
    fn a_run_folder_is_listed_with_what_its_metadata_demands() {
        let folder = tempfile::tempdir().expect("a folder");
        let run = folder.path().join("it's a run");
        // Laid down by sh: files are nothing that this crate touches.
        let lay = r#"mkdir -p "$1/checkpoint-20/iter_0000020" "$1/checkpoint-20-merged" && cd "$1" && echo x > checkpoint-20-merged/model.safetensors &&
            printf 12345 > checkpoint-20/iter_0000020/__0_0.distcp && printf 20 > checkpoint-20/latest_checkpointed_iteration.txt &&
            printf '\200\005X\014__0_0.distcpq\000X\014__1_0.distcp__0_0.distcp' > checkpoint-20/iter_0000020/.metadata &&
            ln -s checkpoint-20 last-checkpoint"#;
        let laid = std::process::Command::new("sh")
            .args(["-c", lay, "lay"])
            .arg(&run)
            .status()
            .expect("sh runs");
        assert!(laid.success());
        let output = std::process::Command::new("sh")
            .arg("-c")
            .arg(script(&run.display().to_string()))
            .output()
            .expect("sh runs");
        let scan = parse(&String::from_utf8_lossy(&output.stdout));
        assert_eq!(
            scan.demanded,
            [
                (20, "__0_0.distcp".to_owned()),
                (20, "__1_0.distcp".to_owned())
            ]
        );
        assert_eq!(scan.files.len(), 3);
        assert!(
            scan.files
                .contains(&(20, "iter_0000020/__0_0.distcp".to_owned(), 5))
        );
    }

    #[test]
    fn completeness_follows_the_metadata() {
        let node = |n: u8| {
            format!("00000000-0000-7000-8000-0000000000{n:02}")
                .parse()
                .expect("an id")
        };
        let held = |n: u8, path: &str| HeldFile {
            node_id: node(n),
            path: path.to_owned(),
            size_bytes: 1,
        };
        let mut files = vec![
            held(1, "latest_checkpointed_iteration.txt"),
            held(1, "iter_0000020/.metadata"),
            held(1, "iter_0000020/__0_0.distcp"),
            held(2, "iter_0000020/__1_0.distcp"),
        ];
        let demanded = ["__0_0.distcp".to_owned(), "__1_0.distcp".to_owned()];
        assert!(complete_on(20, &files, &demanded).is_empty());
        files.push(held(1, "iter_0000020/__1_0.distcp"));
        assert_eq!(complete_on(20, &files, &demanded), [node(1)]);
        assert!(
            complete_on(20, &files, &[]).is_empty(),
            "an unread .metadata decides nothing"
        );
    }
}
