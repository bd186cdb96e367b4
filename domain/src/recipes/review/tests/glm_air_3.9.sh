#!/bin/bash
# GLM-4.5-Air, LoRA, two nodes: run with NODE_RANK=0 and NODE_RANK=1
set -e

export MEGATRON_LM_PATH=/opt/Megatron-LM
export MODELSCOPE_CACHE=/data/cache
export NNODES=2
export NODE_RANK=${NODE_RANK:-0}
export MASTER_ADDR=10.0.0.2   # node 1
export MASTER_PORT=29500
export NCCL_SOCKET_IFNAME=eth0 GLOO_SOCKET_IFNAME=eth0

BASE=/models/GLM-4.5-Air
OUT="/output/glm air"

# old logs
rm -rf /output/old-logs

PYTORCH_CUDA_ALLOC_CONF='expandable_segments:True' \
NPROC_PER_NODE=8 \
CUDA_VISIBLE_DEVICES=0,1,2,3,4,5,6,7 \
nohup megatron sft \
    --load ${BASE}-mcore \
    --model "$BASE" \
    --dataset '/data/train.jsonl' \
              '/data/more rows.jsonl#500' \
    --train_type lora \
    --lora_rank 8   --lora_alpha 32 \
    --target_modules all-linear \
    --expert_model_parallel_size 8 \
    --sequence_parallel true \
    --moe_permute_fusion true \
    --micro_batch_size 1 \
    --global_batch_size 16 \
    --recompute_granularity full \
    --recompute_method uniform \
    --recompute_num_layers 1 \
    --max_epochs 3 \
    --lr 1e-4 \
    --lr_warmup_fraction 0.05 \
    --min_lr 1e-5 \
    --no_rope_fusion true \
    --save "$OUT" \
    --save_interval 200 \
    --eval_interval 200 \
    --log_interval 5 \
    --max_length 8192 \
    --num_workers 8 \
    --no_save_optim true \
    --no_save_rng true \
    --loss_scale ignore_empty_think \
    > train_${NODE_RANK}.log 2>&1 &
echo $! > train.pid
