//! What GPUs are doing at a moment: one query of `nvidia-smi`, and the series that its answer becomes.

/// Asks for the load of all GPUs of a node. A driver that hangs is given up on before the node's connection is.
pub const COMMAND: &str = "export LC_ALL=C; timeout -k 1 3 nvidia-smi \
    --query-gpu=index,utilization.gpu,memory.used,power.draw,temperature.gpu --format=csv,noheader,nounits";

/// The load of one GPU. None: this GPU does not tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    pub gpu: u32,
    pub utilization_percent: Option<f64>,
    pub memory_used_mib: Option<f64>,
    pub power_watts: Option<f64>,
    pub temperature_celsius: Option<f64>,
}

/// Reads CSV without header and units; values that are not known read `[N/A]` or `[Not Supported]`. A line that is none is left out.
pub fn parse(text: &str) -> Vec<Load> {
    text.lines()
        .filter_map(|line| {
            let mut cells = line.split(',').map(str::trim);
            let gpu = cells.next()?.parse().ok()?;
            let mut number = || {
                cells
                    .next()
                    .map(|cell| cell.parse::<f64>().ok().filter(|value| value.is_finite()))
            };
            Some(Load {
                gpu,
                utilization_percent: number()?,
                memory_used_mib: number()?,
                power_watts: number()?,
                temperature_celsius: number()?,
            })
        })
        .collect()
}

impl Load {
    /// The values by the names of their series: percent, GiB, W and °C.
    pub fn values(&self) -> impl Iterator<Item = (&'static str, f64)> {
        [
            ("gpu_utilization", self.utilization_percent),
            (
                "gpu_memory_gib",
                self.memory_used_mib.map(|mib| mib / 1024.0),
            ),
            ("gpu_power_w", self.power_watts),
            ("gpu_temperature_c", self.temperature_celsius),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_becomes_values_in_their_units_and_what_is_not_known_is_left_out() {
        let loads = parse(
            "0, 97, 71680, 612.35, 58\n1, [N/A], 4, [Not Supported], 31\nNVIDIA-SMI has failed\n2, 5\n",
        );
        assert_eq!(
            loads.iter().map(|load| load.gpu).collect::<Vec<_>>(),
            [0, 1]
        );
        let values: Vec<_> = loads[0].values().collect();
        assert_eq!(
            values,
            [
                ("gpu_utilization", 97.0),
                ("gpu_memory_gib", 70.0),
                ("gpu_power_w", 612.35),
                ("gpu_temperature_c", 58.0)
            ]
        );
        let names: Vec<_> = loads[1].values().map(|(name, _)| name).collect();
        assert_eq!(names, ["gpu_memory_gib", "gpu_temperature_c"]);
    }
}
