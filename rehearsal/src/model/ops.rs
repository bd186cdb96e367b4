//! The fused steps of the training forward, each with its own gradient.
//!
//! candle's ready-made norm, softmax and rotary steps have no gradient, and built from elementary tensors they walk
//! memory a dozen times. On a model this small that is most of the time, so each is one pass here.
//! All of them take contiguous f32.

use std::sync::Arc;

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail,
};

/// The values of a contiguous f32 tensor.
fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(all), Some((start, end))) => Ok(&all[start..end]),
        _ => bail!("contiguous f32 expected"),
    }
}

/// `x · weightᵀ` with a weight that is not trained, so that no gradient of it is ever computed.
pub struct FrozenLinear {
    weight: Tensor,
}

/// `[rows, in] → [rows, out]` through a frozen `[out, in]` weight.
pub fn frozen_linear(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    x.apply_op1(FrozenLinear {
        weight: weight.detach(),
    })
}

impl CustomOp1 for FrozenLinear {
    fn name(&self) -> &'static str {
        "frozen-linear"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, inner) = layout.shape().dims2()?;
        let transposed = self.weight.t()?;
        let (_, out) = transposed.dims2()?;
        let (weight, weight_layout) = transposed.storage_and_layout();
        let candle_core::Storage::Cpu(weight) = &*weight else {
            bail!("weights live on the CPU")
        };
        let product = storage.matmul(weight, (1, rows, out, inner), layout, weight_layout)?;
        Ok((product, (rows, out).into()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        gradient.contiguous()?.matmul(&self.weight).map(Some)
    }
}

/// Root mean square norm of the last dimension.
pub struct RmsNorm {
    pub eps: f32,
}

/// `x / rms(x) · weight` over the last dimension of a contiguous `x`.
pub fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    x.apply_op2(weight, RmsNorm { eps: eps as f32 })
}

impl RmsNorm {
    fn scale(&self, row: &[f32]) -> f32 {
        let squares: f32 = row.iter().map(|v| v * v).sum();
        1.0 / (squares / row.len() as f32 + self.eps).sqrt()
    }
}

impl CustomOp2 for RmsNorm {
    fn name(&self) -> &'static str {
        "rms-norm"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, weight) = (values(s1, l1)?, values(s2, l2)?);
        let mut out = Vec::with_capacity(x.len());
        for row in x.chunks_exact(weight.len()) {
            let scale = self.scale(row);
            out.extend(row.iter().zip(weight).map(|(v, w)| v * scale * w));
        }
        Ok((CpuStorage::F32(out), l1.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let dx = x.apply_op3_no_bwd(
            weight,
            &gradient,
            &RmsNormInputGradient(RmsNorm { eps: self.eps }),
        )?;
        // A frozen norm is handed in detached; its gradient would be thrown away.
        let dweight = match weight.is_variable() || weight.track_op() {
            true => Some(x.apply_op3_no_bwd(
                weight,
                &gradient,
                &RmsNormWeightGradient(RmsNorm { eps: self.eps }),
            )?),
            false => None,
        };
        Ok((Some(dx), dweight))
    }
}

struct RmsNormInputGradient(RmsNorm);

impl CustomOp3 for RmsNormInputGradient {
    fn name(&self) -> &'static str {
        "rms-norm-input-gradient"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, weight, gradient) = (values(s1, l1)?, values(s2, l2)?, values(s3, l3)?);
        let width = weight.len();
        let mut out = Vec::with_capacity(x.len());
        for (row, g) in x.chunks_exact(width).zip(gradient.chunks_exact(width)) {
            let scale = self.0.scale(row);
            let dot: f32 = row
                .iter()
                .zip(g)
                .zip(weight)
                .map(|((v, g), w)| v * g * w)
                .sum();
            let pull = dot * scale * scale / width as f32;
            out.extend(
                row.iter()
                    .zip(g)
                    .zip(weight)
                    .map(|((v, g), w)| scale * (g * w - v * pull)),
            );
        }
        Ok((CpuStorage::F32(out), l1.shape().clone()))
    }
}

struct RmsNormWeightGradient(RmsNorm);

impl CustomOp3 for RmsNormWeightGradient {
    fn name(&self) -> &'static str {
        "rms-norm-weight-gradient"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, weight, gradient) = (values(s1, l1)?, values(s2, l2)?, values(s3, l3)?);
        let width = weight.len();
        let mut out = vec![0f32; width];
        for (row, g) in x.chunks_exact(width).zip(gradient.chunks_exact(width)) {
            let scale = self.0.scale(row);
            for ((out, v), g) in out.iter_mut().zip(row).zip(g) {
                *out += v * scale * g;
            }
        }
        Ok((CpuStorage::F32(out), l2.shape().clone()))
    }
}

/// Rotary positions on `[rows, heads, head_dim]`: the first half of a head turns against the second, as in Qwen.
#[derive(Clone)]
pub struct Rotary {
    /// Cosine and sine of every row's position, `[rows, head_dim / 2]` each.
    pub cos: Arc<Vec<f32>>,
    pub sin: Arc<Vec<f32>>,
    pub heads: usize,
    /// Turns back instead; this is the gradient of turning.
    pub reversed: bool,
}

impl CustomOp1 for Rotary {
    fn name(&self) -> &'static str {
        "rotary"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = values(storage, layout)?;
        let head = *layout.dims().last().unwrap_or(&1);
        let half = head / 2;
        let sign = if self.reversed { -1.0 } else { 1.0 };
        let mut out = vec![0f32; x.len()];
        for (index, (from, to)) in x
            .chunks_exact(head)
            .zip(out.chunks_exact_mut(head))
            .enumerate()
        {
            let row = index / self.heads * half;
            let (cos, sin) = (&self.cos[row..row + half], &self.sin[row..row + half]);
            let (a, b) = from.split_at(half);
            let (to_a, to_b) = to.split_at_mut(half);
            for i in 0..half {
                to_a[i] = a[i] * cos[i] - sign * b[i] * sin[i];
                to_b[i] = b[i] * cos[i] + sign * a[i] * sin[i];
            }
        }
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let back = Self {
            reversed: !self.reversed,
            ..self.clone()
        };
        gradient.contiguous()?.apply_op1_no_bwd(&back).map(Some)
    }
}

/// `silu(gate) · up` of `[rows, 2 · width]` whose first half is the gate.
pub struct SwiGlu;

impl CustomOp1 for SwiGlu {
    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, width) = layout.shape().dims2()?;
        let mut out = Vec::with_capacity(rows * width / 2);
        for row in values(storage, layout)?.chunks_exact(width) {
            let (gate, up) = row.split_at(width / 2);
            out.extend(gate.iter().zip(up).map(|(g, u)| g / (1.0 + (-g).exp()) * u));
        }
        Ok((CpuStorage::F32(out), (rows, width / 2).into()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        x.apply_op2_no_bwd(&gradient.contiguous()?, &SwiGluGradient)
            .map(Some)
    }
}

struct SwiGluGradient;

impl CustomOp2 for SwiGluGradient {
    fn name(&self) -> &'static str {
        "swiglu-gradient"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, width) = l1.shape().dims2()?;
        let half = width / 2;
        let (x, gradient) = (values(s1, l1)?, values(s2, l2)?);
        let mut out = vec![0f32; x.len()];
        let rows = x.chunks_exact(width).zip(gradient.chunks_exact(half));
        for ((row, gradient), out) in rows.zip(out.chunks_exact_mut(width)) {
            let (gate, up) = row.split_at(half);
            let (to_gate, to_up) = out.split_at_mut(half);
            for i in 0..half {
                let sigmoid = 1.0 / (1.0 + (-gate[i]).exp());
                to_up[i] = gradient[i] * gate[i] * sigmoid;
                to_gate[i] = gradient[i] * up[i] * sigmoid * (1.0 + gate[i] * (1.0 - sigmoid));
            }
        }
        Ok((CpuStorage::F32(out), l1.shape().clone()))
    }
}

/// Softmax over `[rows · heads, length, length]` scores, where a position sees itself and what came before it in its
/// own sample.
#[derive(Clone)]
pub struct CausalSoftmax {
    pub scale: f32,
    pub heads: usize,
    /// For each `[rows, length]` position the first position it may see (packed samples do not see each other).
    pub starts: Arc<Vec<u32>>,
}

impl CustomOp1 for CausalSoftmax {
    fn name(&self) -> &'static str {
        "causal-softmax"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, length, _) = layout.shape().dims3()?;
        let x = values(storage, layout)?;
        let mut out = vec![0f32; x.len()];
        let rows = x.chunks_exact(length).zip(out.chunks_exact_mut(length));
        for (index, (from, to)) in rows.enumerate() {
            let (sample, position) = (index / length / self.heads, index % length);
            let seen = self.starts[sample * length + position] as usize..position + 1;
            let (from, to) = (&from[seen.clone()], &mut to[seen]);
            let most = from.iter().fold(f32::NEG_INFINITY, |most, v| most.max(*v));
            let mut sum = 0.0;
            for (to, v) in to.iter_mut().zip(from) {
                *to = ((v - most) * self.scale).exp();
                sum += *to;
            }
            to.iter_mut().for_each(|v| *v /= sum);
        }
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        result
            .apply_op2_no_bwd(
                &gradient.contiguous()?,
                &SoftmaxGradient { scale: self.scale },
            )
            .map(Some)
    }
}

struct SoftmaxGradient {
    scale: f32,
}

impl CustomOp2 for SoftmaxGradient {
    fn name(&self) -> &'static str {
        "softmax-gradient"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let width = *l1.dims().last().unwrap_or(&1);
        let (result, gradient) = (values(s1, l1)?, values(s2, l2)?);
        let mut out = Vec::with_capacity(result.len());
        for (p, g) in result.chunks_exact(width).zip(gradient.chunks_exact(width)) {
            let dot: f32 = p.iter().zip(g).map(|(p, g)| p * g).sum();
            out.extend(p.iter().zip(g).map(|(p, g)| self.scale * p * (g - dot)));
        }
        Ok((CpuStorage::F32(out), l1.shape().clone()))
    }
}

/// The sum over rows of `-log softmax(logits)[label]`, as one number.
#[derive(Clone)]
pub struct CrossEntropySum {
    pub labels: Arc<Vec<u32>>,
}

impl CustomOp1 for CrossEntropySum {
    fn name(&self) -> &'static str {
        "cross-entropy-sum"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, vocabulary) = layout.shape().dims2()?;
        let mut total = 0f64;
        for (row, label) in values(storage, layout)?
            .chunks_exact(vocabulary)
            .zip(self.labels.iter())
        {
            let most = row.iter().fold(f32::NEG_INFINITY, |most, v| most.max(*v));
            let sum: f32 = row.iter().map(|v| (v - most).exp()).sum();
            total += f64::from(sum.ln() + most - row[*label as usize]);
        }
        Ok((CpuStorage::F32(vec![total as f32]), Shape::from(())))
    }

    fn bwd(&self, logits: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let scale = gradient.to_scalar::<f32>()?;
        let gradient = CrossEntropyGradient {
            labels: self.labels.clone(),
            scale,
        };
        logits.apply_op1_no_bwd(&gradient).map(Some)
    }
}

struct CrossEntropyGradient {
    labels: Arc<Vec<u32>>,
    scale: f32,
}

impl CustomOp1 for CrossEntropyGradient {
    fn name(&self) -> &'static str {
        "cross-entropy-gradient"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, vocabulary) = layout.shape().dims2()?;
        let x = values(storage, layout)?;
        let mut out = vec![0f32; x.len()];
        let rows = x
            .chunks_exact(vocabulary)
            .zip(out.chunks_exact_mut(vocabulary));
        for ((row, out), label) in rows.zip(self.labels.iter()) {
            let most = row.iter().fold(f32::NEG_INFINITY, |most, v| most.max(*v));
            let mut sum = 0.0;
            for (to, v) in out.iter_mut().zip(row) {
                *to = (v - most).exp();
                sum += *to;
            }
            let factor = self.scale / sum;
            out.iter_mut().for_each(|v| *v *= factor);
            out[*label as usize] -= self.scale;
        }
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    /// The gradient of `weighted sum of f(x)` against differences of f itself.
    fn gradient_agrees(shape: &[usize], f: impl Fn(&Tensor) -> Tensor) {
        let count: usize = shape.iter().product();
        let start: Vec<f32> = (0..count)
            .map(|i| ((i * 37 % 23) as f32 - 11.0) / 9.0)
            .collect();
        let mix = |y: &Tensor| {
            let n = y.elem_count();
            let weights: Vec<f32> = (0..n).map(|i| ((i * 17 % 13) as f32 - 6.0) / 5.0).collect();
            let weights = Tensor::from_vec(weights, y.shape(), &Device::Cpu).unwrap();
            (y * weights).unwrap().sum_all().unwrap()
        };
        let value = |x: Vec<f32>| {
            let x = Tensor::from_vec(x, shape, &Device::Cpu).unwrap();
            mix(&f(&x)).to_scalar::<f32>().unwrap()
        };
        let x = Var::from_vec(start.clone(), shape, &Device::Cpu).unwrap();
        let gradients = mix(&f(x.as_tensor())).backward().unwrap();
        let got: Vec<f32> = gradients
            .get(&x)
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1()
            .unwrap();
        for i in 0..count {
            let step = 1e-2;
            let (mut up, mut down) = (start.clone(), start.clone());
            up[i] += step;
            down[i] -= step;
            let expected = (value(up) - value(down)) / (2.0 * step);
            assert!(
                (got[i] - expected).abs() < 2e-2,
                "{i}: {} but {expected}",
                got[i]
            );
        }
    }

    #[test]
    fn the_gradient_of_every_step_is_the_slope_of_its_value() {
        let device = &Device::Cpu;
        let weight = Tensor::new(&[0.5f32, -1.0, 2.0, 1.5], device).unwrap();
        gradient_agrees(&[3, 4], |x| rms_norm(x, &weight, 1e-6).unwrap());
        let rows = Tensor::new(&[[0.3f32, 1.0, -2.0, 0.7], [1.0, 0.2, 0.4, -1.0]], device).unwrap();
        gradient_agrees(&[4], |w| rms_norm(&rows, w, 1e-6).unwrap());
        gradient_agrees(&[3, 8], |x| x.apply_op1(SwiGlu).unwrap());
        let frozen = Tensor::new(&[[0.5f32, -1.0, 2.0], [1.5, 0.1, 0.3]], device).unwrap();
        gradient_agrees(&[2, 3], |x| frozen_linear(x, &frozen).unwrap());
        gradient_agrees(&[2, 3, 3], |x| {
            let starts = Arc::new(vec![0, 0, 1]);
            let op = CausalSoftmax {
                scale: 0.7,
                heads: 2,
                starts,
            };
            x.apply_op1(op).unwrap()
        });
        gradient_agrees(&[2, 2, 4], |x| {
            let op = Rotary {
                cos: Arc::new(vec![0.8, 0.6, 1.0, 0.0]),
                sin: Arc::new(vec![0.6, 0.8, 0.0, 1.0]),
                heads: 2,
                reversed: false,
            };
            x.apply_op1(op).unwrap()
        });
        gradient_agrees(&[3, 5], |x| {
            let labels = Arc::new(vec![0, 4, 2]);
            x.apply_op1(CrossEntropySum { labels }).unwrap()
        });
    }
}
