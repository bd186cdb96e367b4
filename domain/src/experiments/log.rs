//! What a training log says of the run's files (facts of ms-swift 3.9 … 4.6; held to the captured logs).

/// The run folder, from the line that every node prints once: `[INFO:swift] args.output_dir: …` (4.x) or `args.save: …` (3.x).
pub fn run_folder(log: &str) -> Option<&str> {
    log.lines().find_map(|line| {
        let said = line.trim_end().strip_prefix("[INFO:swift] args.")?;
        let folder = said
            .strip_prefix("output_dir: ")
            .or_else(|| said.strip_prefix("save: "))?;
        let folder = folder.trim_matches('`');
        folder.starts_with('/').then_some(folder)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_captured_runs_name_their_folders() {
        let lora = include_str!("../../fixtures/megatron-swift-4.6.0/lora_sft/stdout.log");
        assert_eq!(run_folder(lora), Some("/output/lora/v0-20261123-234257"));
        let full = include_str!("../../fixtures/megatron-swift-4.6.0/full_sft/stdout.log");
        assert!(run_folder(full).is_some_and(|folder| folder.contains("/v0-")));
        assert_eq!(
            run_folder("[INFO:swift] args.save: /out/v3-20260101-000000\n"),
            Some("/out/v3-20260101-000000")
        );
        assert_eq!(run_folder("no such line\n"), None);
    }
}
