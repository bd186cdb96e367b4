//! How a request wants its tokens drawn.

use serde_json::Value;

use super::Rules;
use super::fields::Fields;
use super::refusal::Refusal;
use crate::serving::protocol::Sampling;

impl Rules {
    /// Its own words first, then those of the model, then what changes nothing.
    pub(super) fn sampling(
        &self,
        fields: &Fields<'_>,
        max_tokens: usize,
        logprobs: Option<usize>,
    ) -> Result<Sampling, Refusal> {
        let number = |name: &str, neutral: f64| -> Result<f64, Refusal> {
            let default = self
                .generation
                .get(name)
                .and_then(Value::as_f64)
                .unwrap_or(neutral);
            Ok(fields.number(name)?.unwrap_or(default))
        };
        let check = |fine: bool, name: &'static str, must: &str, got: f64| match fine {
            true => Ok(()),
            false => Err(Refusal::bad(
                format!(
                    "{name} must be {must}, got {}.",
                    crate::training::python::float(got)
                ),
                Some(name),
            )),
        };
        let temperature = number("temperature", 1.0)?;
        check(
            temperature >= 0.0,
            "temperature",
            "non-negative",
            temperature,
        )?;
        let top_p = number("top_p", 1.0)?;
        check(top_p > 0.0 && top_p <= 1.0, "top_p", "in (0, 1]", top_p)?;
        let min_p = number("min_p", 0.0)?;
        check((0.0..=1.0).contains(&min_p), "min_p", "in [0, 1]", min_p)?;
        let presence_penalty = number("presence_penalty", 0.0)?;
        check(
            (-2.0..=2.0).contains(&presence_penalty),
            "presence_penalty",
            "in [-2, 2]",
            presence_penalty,
        )?;
        let frequency_penalty = number("frequency_penalty", 0.0)?;
        check(
            (-2.0..=2.0).contains(&frequency_penalty),
            "frequency_penalty",
            "in [-2, 2]",
            frequency_penalty,
        )?;
        let repetition_penalty = number("repetition_penalty", 1.0)?;
        check(
            repetition_penalty > 0.0,
            "repetition_penalty",
            "greater than zero",
            repetition_penalty,
        )?;
        let default = self
            .generation
            .get("top_k")
            .and_then(Value::as_i64)
            .unwrap_or(0);
        let top_k = fields.integer("top_k")?.unwrap_or(default);
        if top_k < -1 {
            return Err(Refusal::bad(
                format!("top_k must be 0 (disable), or at least 1, got {top_k}."),
                Some("top_k"),
            ));
        }
        let mut stop_token_ids: Vec<u32> = match fields.flag("ignore_eos")?.unwrap_or(false) {
            true => Vec::new(),
            false => self.stop_token_ids.clone(),
        };
        let more = fields.get("stop_token_ids").and_then(Value::as_array);
        stop_token_ids.extend(
            more.into_iter()
                .flatten()
                .filter_map(|id| u32::try_from(id.as_u64()?).ok()),
        );
        Ok(Sampling {
            temperature,
            top_p,
            top_k: usize::try_from(top_k).ok().filter(|count| *count > 0),
            min_p,
            presence_penalty,
            frequency_penalty,
            repetition_penalty,
            max_tokens,
            min_tokens: usize::try_from(fields.integer("min_tokens")?.unwrap_or(0)).unwrap_or(0),
            seed: fields
                .integer("seed")?
                .map_or_else(rand::random, |seed| seed as u64),
            stop_token_ids,
            logprobs,
        })
    }
}
