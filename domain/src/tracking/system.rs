//! Names of the machine's series: what a client measures becomes the series that our own sampler writes, so that both are one chart.

use crate::metrics::{Batch, Labels, SeriesKey};

/// What every such key of the SwanLab client begins with.
const PREFIX: &str = "__swanlab__.";

/// (as the client says after the device's number, our name, what its values are multiplied by). Old clients misspell `pct` for several
/// vendors; memory comes in MiB.
const OF_DEVICE: [(&str, &str, f64); 8] = [
    ("pct", "gpu_utilization", 1.0),
    ("ptc", "gpu_utilization", 1.0),
    ("mem.pct", "gpu_memory_percent", 1.0),
    ("mem.ptc", "gpu_memory_percent", 1.0),
    ("mem.value", "gpu_memory_gib", 1.0 / 1024.0),
    ("mem.time", "gpu_memory_access_percent", 1.0),
    ("temp", "gpu_temperature_c", 1.0),
    ("power", "gpu_power_w", 1.0),
];

const OF_MACHINE: [(&str, &str); 11] = [
    ("cpu.pct", "cpu_utilization"),
    ("cpu.thds", "system_process_threads"),
    ("mem.pct", "system_memory_percent"),
    ("mem.proc", "system_process_memory_mib"),
    ("mem.proc.pct", "system_process_memory_percent"),
    ("mem.proc.avail", "system_memory_available_mib"),
    ("disk.read", "disk_read_mib"),
    ("disk.write", "disk_write_mib"),
    ("disk.usage", "disk_percent"),
    ("network.sent", "network_sent_kib"),
    ("network.recv", "network_received_kib"),
];

/// The series of a key as a client wrote it, and what its values are multiplied by. `host` is the machine it runs on, empty if it has not
/// said.
///
/// `__swanlab__.gpu.3.temp` → `gpu_temperature_c {gpu=3, node=…}`, as `nodes::load` names it; what is not of the machine stays as it is.
pub fn series(key: &str, host: &str) -> (SeriesKey, f64) {
    let Some(rest) = key.strip_prefix(PREFIX) else {
        return (SeriesKey::plain(key), 1.0);
    };
    let mut labels = Labels::default();
    if !host.is_empty() {
        labels = labels.with("node", host);
    }
    let (name, factor) = match device(rest) {
        Some((kind, number, what)) => {
            labels = labels.with(kind, number);
            match OF_DEVICE.iter().find(|(theirs, ..)| *theirs == what) {
                Some((_, ours, factor)) => ((*ours).to_owned(), *factor),
                None => (format!("gpu_{what}"), 1.0),
            }
        }
        None => match OF_MACHINE.iter().find(|(theirs, _)| *theirs == rest) {
            Some((_, ours)) => ((*ours).to_owned(), 1.0),
            None => (format!("system_{rest}"), 1.0),
        },
    };
    (SeriesKey { name, labels }, factor)
}

/// The batch with the machine's series under our names.
pub fn named(batch: Batch, host: &str) -> Batch {
    if !batch.0.keys().any(|key| is_system(&key.name)) {
        return batch;
    }
    let mut named = Batch::default();
    for (key, mut points) in batch.0 {
        let (key, factor) = if is_system(&key.name) {
            series(&key.name, host)
        } else {
            (key, 1.0)
        };
        if factor != 1.0 {
            points.iter_mut().for_each(|point| point.value *= factor);
        }
        named.0.entry(key).or_default().append(&mut points);
    }
    named
}

/// Whether it is a key of the machine's and not of the run's.
pub fn is_system(key: &str) -> bool {
    key.starts_with(PREFIX)
}

/// `gpu.3.mem.pct` → (gpu, 3, mem.pct)
fn device(rest: &str) -> Option<(&str, &str, &str)> {
    let (kind, rest) = rest.split_once('.')?;
    let (number, what) = rest.split_once('.')?;
    let is_device = matches!(kind, "gpu" | "npu" | "dcu" | "mlu" | "xpu")
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit());
    is_device.then_some((kind, number, what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Point;

    #[test]
    fn the_machines_keys_become_series_with_labels_and_the_runs_stay() {
        let key = |name: &str, labels: Labels| SeriesKey {
            name: name.to_owned(),
            labels,
        };
        let gpu = Labels::default().with("gpu", 3);
        for (theirs, host, ours) in [
            (
                "__swanlab__.gpu.3.temp",
                "a",
                key("gpu_temperature_c", gpu.clone().with("node", "a")),
            ),
            ("__swanlab__.gpu.3.pct", "", key("gpu_utilization", gpu)),
            (
                "__swanlab__.npu.0.ptc",
                "",
                key("gpu_utilization", Labels::default().with("npu", 0)),
            ),
            (
                "__swanlab__.cpu.pct",
                "",
                SeriesKey::plain("cpu_utilization"),
            ),
            (
                "__swanlab__.new.thing",
                "",
                SeriesKey::plain("system_new.thing"),
            ),
            ("train/loss", "a", SeriesKey::plain("train/loss")),
            ("gpu.3.pct", "a", SeriesKey::plain("gpu.3.pct")),
        ] {
            assert_eq!(series(theirs, host).0, ours);
        }
    }

    #[test]
    fn memory_comes_in_the_unit_of_our_own_series() {
        let point = Point {
            step: 0,
            time_millis: 0,
            value: 71_680.0,
        };
        let key = SeriesKey::plain("__swanlab__.gpu.0.mem.value");
        let batch = named(Batch::from_iter([(key, point)]), "");
        let (key, points) = batch.0.first_key_value().unwrap();
        assert_eq!(
            (key.name.as_str(), points[0].value),
            ("gpu_memory_gib", 70.0)
        );
    }
}
