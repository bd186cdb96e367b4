//! Names of the machine's series: what a client measures becomes the series that our own sampler writes, so that both are one chart.

use crate::metrics::{Batch, Labels, SeriesKey};

/// What every such key of the SwanLab client begins with.
const PREFIX: &str = "__swanlab__.";

/// (as the client says after the device's number, our name). Old clients misspell `pct` for several vendors.
const OF_DEVICE: [(&str, &str); 8] = [
    ("pct", "utilization"),
    ("ptc", "utilization"),
    ("mem.pct", "memory_percent"),
    ("mem.ptc", "memory_percent"),
    ("mem.value", "memory_mib"),
    ("mem.time", "memory_access_percent"),
    ("temp", "temperature"),
    ("power", "power"),
];

const OF_MACHINE: [(&str, &str); 11] = [
    ("cpu.pct", "cpu/utilization"),
    ("cpu.thds", "process/threads"),
    ("mem.pct", "memory/percent"),
    ("mem.proc", "process/memory_mib"),
    ("mem.proc.pct", "process/memory_percent"),
    ("mem.proc.avail", "memory/available_mib"),
    ("disk.read", "disk/read_mib"),
    ("disk.write", "disk/write_mib"),
    ("disk.usage", "disk/percent"),
    ("network.sent", "network/sent_kib"),
    ("network.recv", "network/received_kib"),
];

/// The series of a key as a client wrote it. `host` is the machine it runs on, empty if it has not said.
///
/// `__swanlab__.gpu.3.temp` → `gpu/temperature {gpu=3, node=…}`; what is not of the machine stays as it is.
pub fn series(key: &str, host: &str) -> SeriesKey {
    let Some(rest) = key.strip_prefix(PREFIX) else {
        return SeriesKey::plain(key);
    };
    let of_host = |labels: Labels| {
        if host.is_empty() {
            labels
        } else {
            labels.with("node", host)
        }
    };
    let (name, labels) = match device(rest) {
        Some((kind, number, name)) => (
            format!("{kind}/{name}"),
            Labels::default().with(kind, number),
        ),
        None => {
            let known = OF_MACHINE.iter().find(|(theirs, _)| *theirs == rest);
            let name = match known {
                Some((_, ours)) => (*ours).to_owned(),
                None => format!("system/{rest}"),
            };
            (name, Labels::default())
        }
    };
    SeriesKey {
        name,
        labels: of_host(labels),
    }
}

/// The batch with the machine's series under our names.
pub fn named(batch: Batch, host: &str) -> Batch {
    if !batch.0.keys().any(|key| is_system(&key.name)) {
        return batch;
    }
    let mut named = Batch::default();
    for (key, mut points) in batch.0 {
        let key = if is_system(&key.name) {
            series(&key.name, host)
        } else {
            key
        };
        named.0.entry(key).or_default().append(&mut points);
    }
    named
}

/// Whether it is a key of the machine's and not of the run's.
pub fn is_system(key: &str) -> bool {
    key.starts_with(PREFIX)
}

/// `gpu.3.mem.pct` → (gpu, 3, memory_percent)
fn device(rest: &str) -> Option<(&str, &str, &str)> {
    let (kind, rest) = rest.split_once('.')?;
    let (number, what) = rest.split_once('.')?;
    let is_device = matches!(kind, "gpu" | "npu" | "dcu" | "mlu" | "xpu")
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit());
    if !is_device {
        return None;
    }
    let known = OF_DEVICE.iter().find(|(theirs, _)| *theirs == what);
    Some((kind, number, known.map_or(what, |(_, ours)| ours)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_keys_become_series_with_labels_and_the_runs_stay() {
        let key = |name: &str, labels: Labels| SeriesKey {
            name: name.to_owned(),
            labels,
        };
        let gpu = Labels::default().with("gpu", 3);
        for (theirs, host, ours) in [
            (
                "__swanlab__.gpu.3.mem.pct",
                "a",
                key("gpu/memory_percent", gpu.clone().with("node", "a")),
            ),
            ("__swanlab__.gpu.3.pct", "", key("gpu/utilization", gpu)),
            (
                "__swanlab__.npu.0.ptc",
                "",
                key("npu/utilization", Labels::default().with("npu", 0)),
            ),
            (
                "__swanlab__.cpu.pct",
                "",
                SeriesKey::plain("cpu/utilization"),
            ),
            (
                "__swanlab__.new.thing",
                "",
                SeriesKey::plain("system/new.thing"),
            ),
            ("train/loss", "a", SeriesKey::plain("train/loss")),
            ("gpu.3.pct", "a", SeriesKey::plain("gpu.3.pct")),
        ] {
            assert_eq!(series(theirs, host), ours);
        }
    }
}
