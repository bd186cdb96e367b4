# Qwen3-30B-A3B, full, one node, from Hugging Face weights
export NPROC_PER_NODE=8 CUDA_VISIBLE_DEVICES=0,1,2,3,4,5,6,7
ARGS=(
    --model /models/Qwen3-30B-A3B   # HF folder
    # --mcore_model /models/Qwen3-30B-A3B-mcore
    --tuner_type full
    --dataset /data/sft.jsonl --split_dataset_ratio 0.01
    --num_train_epochs 1
    --output_dir /output/qwen
    --save_steps 100 --save_total_limit 2
    --report_to tensorboard swanlab
    --swanlab_project qwen
    --packing true
    --attention_backend flash
    --enable_thinking false
)
COMMON="--tensor_model_parallel_size 2 --expert_model_parallel_size 4 \
        --sequence_parallel true"
megatron sft "${ARGS[@]}" $COMMON --moe_aux_loss_coeff 1e-3 2>&1 | tee -a train.log
