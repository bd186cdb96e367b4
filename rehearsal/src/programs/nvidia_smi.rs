//! `nvidia-smi`: the forms that consoles use, over the memory that live processes hold.

use std::fmt::Write;

use anyhow::{Context, bail};

use crate::node::gpu::{self, Holder, MEMORY_MIB};
use crate::node::home::Home;

const NAME: &str = "NVIDIA A30 (rehearsal)";

/// Runs with the arguments after the program name; answers what goes to stdout.
pub fn run(arguments: &[String]) -> anyhow::Result<String> {
    let state = gpu::state_folder().context("nvidia-smi runs on a rehearsal node only")?;
    let home = state
        .parent()
        .and_then(|node| node.parent())
        .context("the state folder lies in a node's home")?;
    let count = Home::new(home)?.identity()?.gpus;
    render(arguments, count, &gpu::holders(&state, count))
}

fn uuid(gpu: u32) -> String {
    format!("GPU-00000000-0000-4000-8000-{gpu:012}")
}

fn render(arguments: &[String], count: u32, holders: &[Holder]) -> anyhow::Result<String> {
    let mut gpus: Vec<u32> = (0..count).collect();
    let (mut query, mut apps, mut format, mut list) = (None, None, String::new(), false);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let (flag, inline) = word
            .split_once('=')
            .map_or((word.as_str(), None), |(flag, value)| {
                (flag, Some(value.to_owned()))
            });
        let mut value = || {
            inline
                .clone()
                .or_else(|| words.next().cloned())
                .with_context(|| format!("{flag} needs a value"))
        };
        match flag {
            "-L" | "--list-gpus" => list = true,
            "-i" | "--id" => {
                let wanted = value()?;
                gpus = wanted
                    .split(',')
                    .map(|one| match one.trim().parse() {
                        Ok(index) if index < count => Ok(index),
                        _ => bail!("No devices were found"),
                    })
                    .collect::<anyhow::Result<_>>()?;
            }
            "--query-gpu" => query = Some(value()?),
            "--query-compute-apps" => apps = Some(value()?),
            "--format" => format = value()?,
            _ => bail!(
                "Invalid combination of input arguments. Please run 'nvidia-smi -h' for help."
            ),
        }
    }
    if list {
        return Ok(gpus
            .iter()
            .map(|gpu| format!("GPU {gpu}: {NAME} (UUID: {})\n", uuid(*gpu)))
            .collect());
    }
    if (query.is_some() || apps.is_some()) && !format.split(',').any(|word| word.trim() == "csv") {
        bail!("\"--format=\" switch is missing. Please run 'nvidia-smi -h' for help.");
    }
    let used = |gpu: u32| {
        holders
            .iter()
            .filter(|one| one.gpu == gpu)
            .map(|one| one.bytes.div_ceil(1 << 20))
            .sum::<u64>()
            .min(MEMORY_MIB)
    };
    if let Some(fields) = query {
        return csv(&fields, &format, &gpus, |field, gpu| {
            Ok(match field {
                "index" => (gpu.to_string(), ""),
                "name" | "gpu_name" => (NAME.to_owned(), ""),
                "uuid" | "gpu_uuid" => (uuid(*gpu), ""),
                "driver_version" => ("550.54.15".to_owned(), ""),
                "memory.total" => (MEMORY_MIB.to_string(), " MiB"),
                "memory.used" => (used(*gpu).to_string(), " MiB"),
                "memory.free" => ((MEMORY_MIB - used(*gpu)).to_string(), " MiB"),
                "utilization.gpu" => (if used(*gpu) > 0 { "100" } else { "0" }.to_owned(), " %"),
                "temperature.gpu" => (if used(*gpu) > 0 { "61" } else { "34" }.to_owned(), ""),
                "power.draw" => (
                    if used(*gpu) > 0 { "148.20" } else { "29.10" }.to_owned(),
                    " W",
                ),
                other => bail!("Field \"{other}\" is not a valid field to query."),
            })
        });
    }
    if let Some(fields) = apps {
        let shown: Vec<&Holder> = holders
            .iter()
            .filter(|one| gpus.contains(&one.gpu))
            .collect();
        return csv(&fields, &format, &shown, |field, one| {
            Ok(match field {
                "pid" => (one.pid.to_string(), ""),
                "process_name" | "name" => (one.name.clone(), ""),
                "gpu_uuid" => (uuid(one.gpu), ""),
                "used_memory" | "used_gpu_memory" => {
                    (one.bytes.div_ceil(1 << 20).to_string(), " MiB")
                }
                other => bail!("Field \"{other}\" is not a valid field to query."),
            })
        });
    }
    let mut table =
        String::from("+---------------------------------------------------------------+\n");
    for gpu in gpus {
        writeln!(
            table,
            "| {gpu:>3}  {NAME:<32} {:>6}MiB / {MEMORY_MIB:>6}MiB |",
            used(gpu)
        )?;
    }
    table.push_str("+---------------------------------------------------------------+\n");
    Ok(table)
}

/// CSV as nvidia-smi writes it: a header with units unless `noheader`, units in cells unless `nounits`.
fn csv<Row>(
    fields: &str,
    format: &str,
    rows: &[Row],
    cell: impl Fn(&str, &Row) -> anyhow::Result<(String, &'static str)>,
) -> anyhow::Result<String> {
    let has = |word: &str| format.split(',').any(|part| part.trim() == word);
    let fields: Vec<&str> = fields.split(',').map(str::trim).collect();
    let mut text = String::new();
    if !has("noheader") {
        let head: Vec<String> = fields
            .iter()
            .map(|field| match *field {
                field if field.starts_with("memory.") || field.starts_with("used_") => {
                    format!("{field} [MiB]")
                }
                "utilization.gpu" => "utilization.gpu [%]".to_owned(),
                "power.draw" => "power.draw [W]".to_owned(),
                field => field.to_owned(),
            })
            .collect();
        writeln!(text, "{}", head.join(", "))?;
    }
    for row in rows {
        let cells = fields
            .iter()
            .map(|field| {
                cell(field, row).map(|(value, unit)| {
                    if has("nounits") {
                        value
                    } else {
                        format!("{value}{unit}")
                    }
                })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        writeln!(text, "{}", cells.join(", "))?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smi(arguments: &str) -> anyhow::Result<String> {
        let words: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
        let holder = Holder {
            gpu: 1,
            pid: 41,
            bytes: 3 << 20,
            name: "vllm".to_owned(),
        };
        render(&words, 2, &[holder])
    }

    #[test]
    fn the_queries_of_consoles_are_answered_as_csv() {
        let text = smi("--query-gpu=index,memory.used,memory.total --format=csv,noheader,nounits")
            .expect("answered");
        assert_eq!(text, "0, 0, 24576\n1, 3, 24576\n");
        let text = smi("--query-gpu=index,memory.free --format=csv").expect("answered");
        assert_eq!(
            text,
            "index, memory.free [MiB]\n0, 24576 MiB\n1, 24573 MiB\n"
        );
        assert_eq!(
            smi("-i 0 --query-compute-apps=pid --format=csv,noheader").expect("answered"),
            ""
        );
        assert_eq!(
            smi("-i 0,1 --query-compute-apps=pid,used_memory --format=csv,noheader")
                .expect("answered"),
            "41, 3 MiB\n"
        );
        assert!(smi("-L").expect("answered").starts_with("GPU 0: "));
        assert!(smi("-i 7 -L").is_err());
        assert!(smi("--query-gpu=nonsense --format=csv").is_err());
    }
}
