//! One POSIX sh script that sees everything of a node that the console wants to know, and the reading of its answer.
//!
//! It reads files only: versions come from the dist-info folders and `swift/version.py` beside the launcher's interpreter, since
//! importing torch to ask would take seconds.

use super::{Gpu, Package, Probe, holders, interfaces};

/// Packages whose versions are asked for, as on PyPI.
const PACKAGES: &str = "ms-swift megatron-core mcore-bridge torch transformer-engine transformers peft flash-attn modelscope \
                        numpy pyarrow vllm sglang";

/// The probe's text. `work_folder` is where free disk space is measured.
pub fn script(work_folder: &str) -> String {
    format!(
        r#"export LC_ALL=C
echo "home $HOME"
echo "client ${{SSH_CONNECTION:-}}"
for p in $(ls /sys/class/net 2>/dev/null); do echo "interface $p $(cat /sys/class/net/$p/operstate 2>/dev/null)"; done
{interfaces}w={work_folder}; mkdir -p "$w" 2>/dev/null; while [ ! -d "$w" ] && [ -n "$w" ]; do w=${{w%/*}}; done
echo "disk $(df -Pk "${{w:-/}}" 2>/dev/null | awk 'NR == 2 {{ print $4 }}')"
if command -v rsync >/dev/null 2>&1; then echo "rsync yes"; else echo "rsync no"; fi
m=$(command -v megatron || command -v swift)
if [ -n "$m" ]; then
  py=$(head -1 "$m" | sed 's/^#!//;s/ .*//')
  echo "trainer $m"
  root=${{py%/bin/*}}
  for site in "$root"/lib/python3*/site-packages "$root"/lib/python3*/dist-packages "$root"/lib/python3/dist-packages; do
    [ -d "$site" ] || continue
    for name in {PACKAGES}; do
      under=$(echo "$name" | tr - _)
      for info in "$site/$under"-*.dist-info "$site/$name"-*.dist-info; do
        [ -d "$info" ] || continue
        v=${{info##*/}}; v=${{v%.dist-info}}; echo "package $name ${{v#*-}}" | sed "s/ $under-/ /;s/ $name-/ /"
      done
    done
    # An editable install can have stale metadata: the source itself is right.
    [ -f "$site/swift/version.py" ] && sed -n "s/^__version__ *= *['\"]\(.*\)['\"].*/package ms-swift \1/p" "$site/swift/version.py"
  done
fi
nvidia-smi --query-gpu=index,name,uuid,memory.total,memory.used,utilization.gpu,temperature.gpu,power.draw --format=csv,noheader,nounits 2>/dev/null | sed 's/^/gpu /'
( {holders}) 2>/dev/null
echo end
"#,
        work_folder = crate::shell::quote(work_folder),
        holders = holders::script(work_folder),
        interfaces = interfaces::SCRIPT,
    )
}

/// Reads the probe's answer. Err: it is cut off or no answer of the probe at all.
pub fn parse(text: &str) -> Result<Probe, String> {
    if !text.ends_with("\nend\n") {
        return Err("the probe's answer is cut off".to_owned());
    }
    let mut probe = Probe::default();
    for line in text.lines() {
        let Some((key, value)) = line.split_once(' ') else {
            continue;
        };
        match key {
            "home" => value.clone_into(&mut probe.home),
            // "<client ip> <client port> <own ip> <own port>": the address by which the console reached it.
            "client" => value
                .split(' ')
                .nth(2)
                .unwrap_or_default()
                .clone_into(&mut probe.internal_address),
            "interface" => {
                if let Some((name, state)) = value.split_once(' ')
                    && (state == "up" || state == "unknown")
                {
                    probe.interfaces.push(name.to_owned());
                }
            }
            "disk" => probe.disk_free_bytes = value.parse::<u64>().ok().map(|kib| kib * 1024),
            "rsync" => probe.has_rsync = value == "yes",
            "package" => {
                if let Some((name, version)) = value.split_once(' ') {
                    let found = Package {
                        name: name.to_owned(),
                        version: version.to_owned(),
                    };
                    // The later line wins: version.py comes after the metadata.
                    match probe
                        .packages
                        .iter_mut()
                        .find(|package| package.name == name)
                    {
                        Some(known) => *known = found,
                        None => probe.packages.push(found),
                    }
                }
            }
            "gpu" => probe.gpus.extend(gpu(value)),
            _ => {}
        }
    }
    for (index, holder) in holders::parse(text) {
        if let Some(gpu) = probe.gpus.iter_mut().find(|gpu| gpu.index == index) {
            gpu.holders.push(holder);
        }
    }
    // Loopback carries nothing between nodes: it comes last, unless the nodes are on one machine.
    probe.interfaces.sort_by_key(|name| name == "lo");
    if let Some(own) = interfaces::carrying(&probe.internal_address, text) {
        probe.interfaces.retain(|name| *name != own);
        probe.interfaces.insert(0, own);
    }
    Ok(probe)
}

/// One line of nvidia-smi's CSV; values that a GPU does not know read `[N/A]`.
fn gpu(line: &str) -> Option<Gpu> {
    let cells: Vec<&str> = line.split(',').map(str::trim).collect();
    let number = |at: usize| cells.get(at)?.parse::<f64>().ok();
    Some(Gpu {
        index: cells.first()?.parse().ok()?,
        name: (*cells.get(1)?).to_owned(),
        uuid: (*cells.get(2)?).to_owned(),
        memory_total_mib: cells.get(3)?.parse().ok()?,
        memory_used_mib: cells.get(4)?.parse().ok()?,
        utilization_percent: number(5),
        temperature_celsius: number(6),
        power_watts: number(7),
        holders: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "home /root\nclient 10.0.0.9 51000 10.0.0.2 22\ninterface docker0 up\ninterface eth0 up\ninterface lo unknown\ninterface ib0 down\n\
        address docker0 172.17.0.1/16\naddress eth0 10.0.0.2/24\n\
        disk 2048\nrsync yes\ntrainer /opt/venv/bin/megatron\npackage ms-swift 4.5.0\npackage torch 2.8.0+cu128\n\
        package ms-swift 4.6.0\ngpu 0, NVIDIA H100 80GB HBM3, GPU-1, 81559, 4, 0, 31, 69.93\n\
        gpu 1, NVIDIA H100 80GB HBM3, GPU-2, 81559, 70001, 97, [N/A], 600.00\nheld 1 77 foreign python\nend\n";

    #[test]
    fn an_answer_is_read() {
        let probe = parse(ANSWER).expect("whole");
        assert_eq!(
            probe.version_of("ms-swift"),
            Some("4.6.0"),
            "the source wins over stale metadata"
        );
        assert_eq!(probe.version_of("torch"), Some("2.8.0+cu128"));
        assert_eq!(probe.interfaces, ["eth0", "docker0", "lo"]);
        assert_eq!(probe.internal_address, "10.0.0.2");
        assert_eq!(probe.disk_free_bytes, Some(2 << 20));
        assert_eq!(probe.gpus.len(), 2);
        assert_eq!(probe.gpus[1].temperature_celsius, None);
        assert_eq!(probe.gpus[1].memory_used_mib, 70_001);
        assert_eq!(probe.gpus[1].holders[0].pid, 77);
        assert!(probe.gpus[0].holders.is_empty());
    }

    #[test]
    fn a_torn_answer_is_none() {
        for end in 0..ANSWER.len() {
            assert!(parse(&ANSWER[..end]).is_err());
        }
    }
}
