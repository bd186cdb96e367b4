//! Checkpoints in torch's distributed format, as Megatron-core writes them: `iter_NNNNNNN/` with one or two files a rank, `.metadata`
//! (a pickle that says which bytes of which file are which part of which tensor), `metadata.json` and `common.pt`.
//!
//! Formats: torch 2.8 `torch/distributed/checkpoint/{metadata,filesystem}.py` and `torch/serialization.py`;
//! megatron-core 0.16 `dist_checkpointing`. Real torch reads what is written here (tests/torch_reads_shards.py).

mod archive;
mod cut;
mod load;
mod metadata;
mod pickle;
mod save;

pub use cut::Group;
pub use load::{Left, Loaded, Reader, begun, iteration_folder, load, load_as, tracked, tracker};
pub use metadata::{Index, Item};
pub use save::{Contents, save, save_alone, save_common};

/// Below the folder of an iteration.
const METADATA: &str = ".metadata";
/// Beside the iterations: which of them is the newest.
pub const TRACKER: &str = "latest_checkpointed_iteration.txt";
/// Classes of ms-swift 3.x whose objects stand among the arguments in `common.pt`.
const RUN_CLASSES: [(&str, &str); 1] = [("swift.llm.model.utils", "ModelInfo")];
/// Where optimizer tensors stand in the index.
const MOMENTS: [&str; 3] = [
    "optimizer.state.exp_avg.",
    "optimizer.state.exp_avg_sq.",
    "optimizer.state.fp32_param.",
];

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};

    use super::*;
    use crate::model::Tensors;

    fn tensors(seed: f32) -> Tensors {
        let tensor = |rows: usize, columns: usize, at: f32| {
            let values: Vec<f32> = (0..rows * columns)
                .map(|n| (n as f32 * 0.5 + at + seed).sin())
                .collect();
            Tensor::from_vec(values, (rows, columns), &Device::Cpu).expect("a tensor")
        };
        Tensors::from([
            (
                "decoder.layers.0.mlp.linear_fc1.weight".to_owned(),
                tensor(8, 4, 1.0),
            ),
            (
                "decoder.layers.0.mlp.linear_fc2.weight".to_owned(),
                tensor(4, 6, 2.0),
            ),
            (
                "decoder.layers.1.self_attention.linear_qkv.weight".to_owned(),
                tensor(6, 4, 3.0),
            ),
            (
                "embedding.word_embeddings.weight".to_owned(),
                tensor(10, 4, 4.0),
            ),
        ])
    }

    /// Saves as every rank of a world in turn, as if on one disk.
    fn save_all(
        folder: &std::path::Path,
        size: usize,
        tensor_parallel: usize,
        pipeline_parallel: usize,
    ) -> Tensors {
        let weights = tensors(0.0);
        let (first, second, master) = (tensors(5.0), tensors(6.0), weights.clone());
        let contents = Contents {
            layers: 2,
            weights: &weights,
            dtype: DType::F32,
            moments: Some([&first, &second, &master]),
            steps: 7,
            iteration: 20,
            consumed: 320,
            seed: Some(42),
            keeps_classes: false,
            writers: 2,
        };
        let groups: Vec<Group> = (0..size)
            .map(|rank| Group {
                rank,
                size,
                tensor_parallel,
                pipeline_parallel,
            })
            .collect();
        let said: Vec<Vec<u8>> = groups
            .iter()
            .map(|group| save::write_own(folder, group, &contents).expect("written"))
            .collect();
        save::write_index(folder, &groups[0], &contents, &said).expect("indexed");
        std::fs::write(folder.join("latest_checkpointed_iteration.txt"), "20").expect("written");
        weights
    }

    #[test]
    fn what_ranks_wrote_apart_reads_back_as_a_whole() {
        for (size, tensor_parallel, pipeline_parallel) in
            [(1, 1, 1), (4, 1, 1), (4, 2, 1), (4, 2, 2), (2, 1, 2)]
        {
            let folder = tempfile::tempdir().expect("a folder");
            let weights = save_all(folder.path(), size, tensor_parallel, pipeline_parallel);
            let loaded = load(folder.path()).expect("loaded");
            assert_eq!(
                (loaded.iteration, loaded.consumed, loaded.steps),
                (20, 320, Some(7))
            );
            for (name, tensor) in &weights {
                let difference = (&loaded.weights[name] - tensor)
                    .expect("alike")
                    .abs()
                    .expect("a number")
                    .sum_all()
                    .expect("one");
                assert_eq!(
                    difference.to_scalar::<f32>().expect("a number"),
                    0.0,
                    "{name} of {size} ranks"
                );
            }
            let moments = loaded.moments.expect("kept");
            assert_eq!(moments[0].len(), weights.len());
        }
    }

    #[test]
    fn every_rank_of_a_data_parallel_world_holds_what_no_other_does() {
        let folder = tempfile::tempdir().expect("a folder");
        save_all(folder.path(), 4, 1, 1);
        let iteration = iteration_folder(folder.path(), 20);
        for rank in 0..4 {
            assert!(
                iteration.join(format!("__{rank}_0.distcp")).exists(),
                "rank {rank}"
            );
        }
        std::fs::remove_file(iteration.join("__3_0.distcp")).expect("removed");
        let error = load(folder.path()).err().expect("refused").to_string();
        assert!(
            error.contains("CheckpointException") && error.contains("__3_0.distcp"),
            "{error}"
        );
    }

    /// Two of four shards of a release that does not look at what its threads say.
    #[test]
    fn the_older_reader_leaves_what_it_cannot_read_and_says_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let weights = save_all(folder.path(), 4, 1, 1);
        let patched = Reader {
            ignores_errors: true,
            ..Reader::STRICT
        };
        let whole = load_as(patched, folder.path()).expect("loaded");
        assert_eq!(whole.read.0, whole.read.1);
        let iteration = iteration_folder(folder.path(), 20);
        for shard in ["__3_0.distcp", "__3_1.distcp"] {
            std::fs::remove_file(iteration.join(shard)).ok();
        }
        let loaded = load_as(patched, folder.path()).expect("no error");
        assert!(
            loaded.read.0 > 0 && loaded.read.0 < loaded.read.1,
            "{:?}",
            loaded.read
        );
        assert_eq!(loaded.weights.len(), weights.len());
        let weights_alone = load_as(patched.weights(), folder.path()).expect("no error");
        assert_eq!(weights_alone.read.1, weights.len());
        assert!(weights_alone.moments.is_none());
    }

    #[test]
    fn classes_of_the_program_are_refused_where_only_plain_data_is_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let weights = tensors(0.0);
        let contents = |keeps_classes| Contents {
            layers: 2,
            weights: &weights,
            dtype: DType::F32,
            moments: None,
            steps: 0,
            iteration: 1,
            consumed: 0,
            seed: None,
            keeps_classes,
            writers: 2,
        };
        let careful = Reader {
            weights_only: true,
            ..Reader::STRICT
        };
        std::fs::write(folder.path().join(TRACKER), "1").expect("written");
        save_alone(folder.path(), &contents(true)).expect("saved");
        let error = load_as(careful, folder.path()).err().expect("refused");
        assert!(
            error
                .to_string()
                .contains("Unsupported global: GLOBAL swift.llm.model.utils.ModelInfo was not"),
            "{error}"
        );
        assert!(load(folder.path()).is_ok());
        save_alone(folder.path(), &contents(false)).expect("saved");
        assert!(load_as(careful, folder.path()).is_ok());
    }

    #[test]
    fn a_file_that_is_cut_short_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        save_all(folder.path(), 2, 1, 1);
        let file = iteration_folder(folder.path(), 20).join("__1_0.distcp");
        let bytes = std::fs::read(&file).expect("read");
        std::fs::write(&file, &bytes[..bytes.len() / 2]).expect("cut");
        assert!(
            load(folder.path())
                .err()
                .expect("refused")
                .to_string()
                .contains("CheckpointException")
        );
    }
}
