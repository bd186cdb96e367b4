//! Adam as Megatron runs it: decoupled weight decay, gradients clipped by their global norm, f32 throughout.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use candle_core::{Device, Tensor, Var};

use crate::model::Tensors;

/// The numbers of `--adam_beta1`, `--weight_decay` and so on.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub beta1: f64,
    pub beta2: f64,
    pub eps: f64,
    pub weight_decay: f64,
    /// Longest gradient that is applied as it is; 0 = never clipped.
    pub clip: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.95,
            eps: 1e-8,
            weight_decay: 0.1,
            clip: 1.0,
        }
    }
}

/// The moments of every trained number, in the order of the variables' names.
pub struct Adam {
    settings: Settings,
    first: Vec<f32>,
    second: Vec<f32>,
    /// Updates made so far; the bias correction needs it.
    pub steps: u64,
}

/// How many numbers the variables hold.
pub fn count(variables: &BTreeMap<String, Var>) -> usize {
    variables
        .values()
        .map(|variable| variable.elem_count())
        .sum()
}

impl Adam {
    pub fn new(settings: Settings, variables: &BTreeMap<String, Var>) -> Self {
        let count = count(variables);
        Self {
            settings,
            first: vec![0.0; count],
            second: vec![0.0; count],
            steps: 0,
        }
    }

    /// Moves the variables along `gradient` (all variables, one after the other) and returns its norm before clipping.
    pub fn step(
        &mut self,
        variables: &BTreeMap<String, Var>,
        gradient: &[f32],
        rate: f64,
    ) -> Result<f64> {
        ensure!(
            gradient.len() == self.first.len(),
            "the gradient has {} numbers",
            gradient.len()
        );
        let Settings {
            beta1,
            beta2,
            eps,
            weight_decay,
            clip,
        } = self.settings;
        let norm = gradient
            .iter()
            .map(|g| f64::from(*g).powi(2))
            .sum::<f64>()
            .sqrt();
        let scale = if clip > 0.0 && norm > clip {
            clip / (norm + 1e-6)
        } else {
            1.0
        } as f32;
        self.steps += 1;
        let steps = self.steps.min(i32::MAX as u64) as i32;
        let (correct1, correct2) = (1.0 - beta1.powi(steps), 1.0 - beta2.powi(steps));
        let (step, root) = ((rate / correct1) as f32, (1.0 / correct2) as f32);
        let (beta1, beta2, eps) = (beta1 as f32, beta2 as f32, eps as f32);
        let mut from = 0;
        for variable in variables.values() {
            let range = from..from + variable.elem_count();
            from = range.end;
            // Norms and biases, the one-dimensional ones, are never decayed.
            let keep = if variable.rank() > 1 {
                (1.0 - rate * weight_decay) as f32
            } else {
                1.0
            };
            let mut values = variable.flatten_all()?.to_vec1::<f32>()?;
            let moments = self.first[range.clone()]
                .iter_mut()
                .zip(&mut self.second[range.clone()]);
            for ((value, (first, second)), g) in
                values.iter_mut().zip(moments).zip(&gradient[range])
            {
                let g = g * scale;
                *first = beta1 * *first + (1.0 - beta1) * g;
                *second = beta2 * *second + (1.0 - beta2) * g * g;
                *value = *value * keep - step * *first / ((*second * root).sqrt() + eps);
            }
            variable.set(&Tensor::from_vec(values, variable.shape(), &Device::Cpu)?)?;
        }
        Ok(norm)
    }

    /// The two moments under their variables' names.
    pub fn state(&self, variables: &BTreeMap<String, Var>) -> Result<(Tensors, Tensors)> {
        let mut from = 0;
        let (mut first, mut second) = (Tensors::new(), Tensors::new());
        for (name, variable) in variables {
            let range = from..from + variable.elem_count();
            from = range.end;
            let tensor = |all: &[f32]| {
                Tensor::from_slice(&all[range.clone()], variable.shape(), &Device::Cpu)
            };
            first.insert(name.clone(), tensor(&self.first)?);
            second.insert(name.clone(), tensor(&self.second)?);
        }
        Ok((first, second))
    }

    /// Takes over saved moments. Fails when one is missing.
    pub fn restore(
        &mut self,
        variables: &BTreeMap<String, Var>,
        first: &Tensors,
        second: &Tensors,
        steps: u64,
    ) -> Result<()> {
        let flat = |moments: &Tensors| -> Result<Vec<f32>> {
            let mut all = Vec::new();
            for (name, variable) in variables {
                let tensor = moments
                    .get(name)
                    .with_context(|| format!("no optimizer state for {name}"))?;
                ensure!(
                    tensor.elem_count() == variable.elem_count(),
                    "optimizer state of {name} has another size"
                );
                all.extend(tensor.flatten_all()?.to_vec1::<f32>()?);
            }
            Ok(all)
        };
        (self.first, self.second, self.steps) = (flat(first)?, flat(second)?, steps);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> BTreeMap<String, Var> {
        let var =
            |values: Vec<f32>, shape: &[usize]| Var::from_vec(values, shape, &Device::Cpu).unwrap();
        BTreeMap::from([
            ("norm".to_owned(), var(vec![1.0], &[1])),
            ("weight".to_owned(), var(vec![1.0, -1.0], &[1, 2])),
        ])
    }

    #[test]
    fn the_first_step_is_the_rate_whatever_the_gradient_and_spares_norms_from_decay() {
        let variables = variables();
        let mut adam = Adam::new(
            Settings {
                clip: 0.0,
                ..Settings::default()
            },
            &variables,
        );
        let norm = adam.step(&variables, &[0.0, 3.0, -4.0], 0.1).unwrap();
        assert_eq!(norm, 5.0);
        assert_eq!(variables["norm"].to_vec1::<f32>().unwrap(), [1.0]);
        let weight = variables["weight"]
            .flatten_all()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap();
        assert!((weight[0] - (0.99 - 0.1)).abs() < 1e-6 && (weight[1] + (0.99 - 0.1)).abs() < 1e-6);
    }

    #[test]
    fn restored_moments_go_on_as_if_nothing_had_happened() {
        let (one, two) = (variables(), variables());
        let mut straight = Adam::new(Settings::default(), &one);
        let mut first_half = Adam::new(Settings::default(), &two);
        straight.step(&one, &[0.1, 0.2, 0.3], 0.01).unwrap();
        first_half.step(&two, &[0.1, 0.2, 0.3], 0.01).unwrap();
        let (first, second) = first_half.state(&two).unwrap();
        let mut second_half = Adam::new(Settings::default(), &two);
        second_half
            .restore(&two, &first, &second, first_half.steps)
            .unwrap();
        straight.step(&one, &[0.3, -0.2, 0.1], 0.01).unwrap();
        second_half.step(&two, &[0.3, -0.2, 0.1], 0.01).unwrap();
        for name in one.keys() {
            assert_eq!(
                one[name].flatten_all().unwrap().to_vec1::<f32>().unwrap(),
                two[name].flatten_all().unwrap().to_vec1::<f32>().unwrap()
            );
        }
    }
}
