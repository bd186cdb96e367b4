//! One POSIX sh script that looks at everything a launch needs on a node, in one round trip, and the reading of its answer.

use crate::nodes::{Node, Probe, ports, probe};
use crate::shell::quote;

/// Files up to this are hashed whole; of larger ones the two ends. A sha256 of it takes about a second.
const WHOLE_BYTES: u64 = 256 << 20;

/// What a node is asked about.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    pub node: &'a Node,
    /// Folders as they are on this node.
    pub model: &'a str,
    pub mcore: &'a str,
    pub dataset: &'a str,
    /// Where ms-swift caches, as the launch sets it.
    pub cache: &'a str,
    /// Megatron-LM's folder as the launch sets it; empty: as the node's login has it.
    pub megatron: &'a str,
    /// Address and port where the ranks will meet; empty on the node that has the address.
    pub main: &'a str,
    pub port: u16,
    /// The image that each attempt is started from; empty where work runs in the login.
    pub image: &'a str,
}

/// The script.
pub fn script(ask: &Ask<'_>) -> String {
    format!(
        r#"echo "began $(date +%s.%N)"
sh <<'TRAINYARD_PROBE'
{probe}TRAINYARD_PROBE
echo preflight
export LC_ALL=C
env | grep -E '^(MEGATRON_LM_PATH|MODELSCOPE_CACHE|NCCL_[A-Z0-9_]*|GLOO_[A-Z_]*|TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD)=' | sed 's/=/ /;s/^/var /'
df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 {{ print "shm", $2, $4 }}'
awk '/^MemAvailable:/ {{ print "ram", $2 }}' /proc/meminfo 2>/dev/null
w={work}; while [ ! -d "$w" ] && [ -n "$w" ]; do w=${{w%/*}}; done
df -Pk "${{w:-/}}" 2>/dev/null | awk 'NR == 2 {{ print "space", $4 }}'
df -Pi "${{w:-/}}" 2>/dev/null | awk 'NR == 2 {{ print "inodes", $4 }}'
[ -w "${{w:-/}}" ] && echo 'work writable'
c={cache}
if [ -d "$c" ]; then if [ -w "$c" ]; then echo 'cache ok'; else echo 'cache denied'; fi
  echo "locks $(find "$c" -path '*lockers*' -name '*.lock' -mmin +10 2>/dev/null | wc -l)"
else echo 'cache none'; fi
m={megatron}; m=${{m:-${{MEGATRON_LM_PATH:-}}}}
if [ -n "$m" ]; then
  if [ -f "$m/megatron/core/package_info.py" ]; then
    echo "megatron $(sed -n 's/^MAJOR *= *//p;s/^MINOR *= *//p;s/^PATCH *= *//p' "$m/megatron/core/package_info.py" | tr '\n' . | sed 's/\.$//') $m"
  elif [ -d "$m" ]; then echo "megatron ? $m"; else echo "megatron none $m"; fi
fi
hash() {{ sha256sum | cut -c1-16; }}
prints() {{
  cd "$2" 2>/dev/null || {{ echo "print $1 none"; return; }}
  names=$(find . -maxdepth 3 -type f \( -name '*.safetensors' -o -name '*.bin' -o -name '*.distcp' -o -name '*.json' -o -name '*.jinja' -o -name '*.txt' -o -name '.metadata' -o -name 'common.pt' \) ! -path './.*/*' -exec stat -L -c '%n %s' {{}} + 2>/dev/null | sort)
  size=$(printf '%s\n' "$names" | awk '{{ n += $NF }} END {{ printf "%d", n }}')
  weights=$(printf '%s\n' "$names" | sed -n 's/ [0-9]*$//;/\.safetensors$/p;/\.distcp$/p;/\.bin$/p' | while IFS= read -r f; do head -c 65536 "$f"; tail -c 65536 "$f"; done | hash)
  texts=$(printf '%s\n' "$names" | sed 's/ [0-9]*$//' | grep -E '(config\.json|tokenizer.*\.json|vocab\.json|merges\.txt|\.jinja|\.metadata|iteration\.txt)$' | while IFS= read -r f; do cat "$f"; done | hash)
  template=$(cat chat_template.jinja chat_template.json tokenizer_config.json 2>/dev/null | hash)
  echo "print $1 $(printf '%s\n' "$names" | grep -v -E '(args|generation_config)\.json ' | hash) $weights $texts $template $size"
}}
(prints model {model})
(prints mcore {mcore})
d={dataset}
if [ -f "$d" ]; then
  n=$(stat -L -c %s "$d")
  if [ "$n" -le {WHOLE_BYTES} ]; then echo "data $n whole $(sha256sum < "$d" | cut -d' ' -f1)"; else echo "data $n ends $( (head -c 4194304 "$d"; tail -c 4194304 "$d") | sha256sum | cut -d' ' -f1)"; fi
fi
for i in /sys/class/infiniband/*; do [ -d "$i" ] && echo "ib ${{i##*/}} $(cat "$i"/ports/*/state 2>/dev/null | head -1)"; done
{listening}
a={main}
if [ -n "$a" ]; then
  if command -v bash >/dev/null 2>&1; then
    said=$(timeout 1 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$a" {port} 2>&1); code=$?
    case "$code $said" in
    0*) echo 'reach open' ;; 124*) echo 'reach timeout' ;; *refused*) echo 'reach refused' ;; *) echo "reach failed $said" | tr '\n' ' '; echo ;;
    esac
  else echo 'reach unknown'; fi
fi
g={image}
if [ -n "$g" ]; then
  if docker image inspect -f '{{{{.Id}}}}' "$g" >/dev/null 2>&1; then echo "image $(docker image inspect -f '{{{{.Id}}}}' "$g")"; else echo 'image none'; fi
fi
echo "ended $(date +%s.%N)"
echo end
"#,
        probe = probe::script(&ask.node.work_folder),
        work = quote(&ask.node.work_folder),
        cache = quote(ask.cache),
        megatron = quote(ask.megatron),
        model = quote(ask.model),
        mcore = quote(ask.mcore),
        dataset = quote(ask.dataset),
        listening = ports::LISTENING,
        main = quote(ask.main),
        port = ask.port,
        image = quote(ask.image),
    )
}

/// Hashes of a folder's files: names with sizes, both ends of the weights, configuration and tokenizer, the chat template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Print {
    pub names: String,
    pub weights: String,
    pub texts: String,
    pub template: String,
    pub bytes: u64,
}

/// What a node answered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seen {
    pub probe: Probe,
    /// The node's clock at the first and last line, in seconds.
    pub clock: Option<(f64, f64)>,
    pub variables: Vec<(String, String)>,
    /// Bytes of /dev/shm: all, free.
    pub shm: Option<(u64, u64)>,
    pub ram_free: Option<u64>,
    pub disk_free: Option<u64>,
    pub inodes_free: Option<u64>,
    pub work_is_writable: bool,
    /// `ok`, `denied` or `none`.
    pub cache: String,
    pub old_locks: u64,
    /// Megatron-LM's folder with the version in it; `none`: the folder is not there.
    pub megatron: Option<(String, String)>,
    /// None: the folder is not there.
    pub model: Option<Print>,
    pub mcore: Option<Print>,
    /// Size in bytes, whether the hash is of the whole file, and the hash.
    pub dataset: Option<(u64, bool, String)>,
    pub infiniband: Vec<String>,
    pub listening: Vec<u16>,
    /// `open`, `refused`, `timeout`, `unknown`, or `failed` and why.
    pub reach: Option<String>,
    pub image: Option<String>,
}

/// Reads an answer. Err: it is cut off or none of the script.
pub fn parse(text: &str) -> Result<Seen, String> {
    let cut = || "the answer is cut off".to_owned();
    let (before, after) = text.split_once("\npreflight\n").ok_or_else(cut)?;
    if !after.ends_with("\nend\n") {
        return Err(cut());
    }
    let mut seen = Seen {
        probe: probe::parse(&format!("{before}\n"))?,
        listening: ports::listening(after).collect(),
        ..Seen::default()
    };
    let began = before
        .lines()
        .find_map(|line| line.strip_prefix("began ")?.parse().ok());
    let kib = |word: Option<&str>| {
        word.and_then(|word| word.parse::<u64>().ok())
            .map(|kib| kib.saturating_mul(1024))
    };
    for line in after.lines() {
        let Some((key, value)) = line.split_once(' ') else {
            continue;
        };
        let mut words = value.split(' ');
        match key {
            "ended" => seen.clock = began.zip(value.parse().ok()),
            "var" => {
                if let Some((name, value)) = value.split_once(' ') {
                    seen.variables.push((name.to_owned(), value.to_owned()));
                }
            }
            "shm" => seen.shm = kib(words.next()).zip(kib(words.next())),
            "ram" => seen.ram_free = kib(words.next()),
            "space" => seen.disk_free = kib(words.next()),
            "inodes" => seen.inodes_free = value.parse().ok(),
            "work" => seen.work_is_writable = value == "writable",
            "cache" => value.clone_into(&mut seen.cache),
            "locks" => seen.old_locks = value.trim().parse().unwrap_or(0),
            "megatron" => {
                seen.megatron = value
                    .split_once(' ')
                    .map(|(version, path)| (path.to_owned(), version.to_owned()));
            }
            "print" => match words.next() {
                Some("model") => seen.model = print(words),
                Some("mcore") => seen.mcore = print(words),
                _ => {}
            },
            "data" => {
                let size = words.next().and_then(|word| word.parse().ok());
                let is_whole = words.next() == Some("whole");
                seen.dataset = size
                    .zip(words.next())
                    .map(|(size, hash)| (size, is_whole, hash.to_owned()));
            }
            "ib" => seen.infiniband.push(value.trim().to_owned()),
            "reach" => seen.reach = Some(value.trim().to_owned()),
            "image" => seen.image = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok(seen)
}

fn print<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<Print> {
    let mut next = || words.next().map(str::to_owned);
    Some(Print {
        names: next()?,
        weights: next()?,
        texts: next()?,
        template: next()?,
        bytes: next()?.parse().ok()?,
    })
}

#[cfg(test)]
pub(super) const ANSWER: &str = "began 1700000000.250\nhome /root\nclient 10.0.0.9 51000 10.0.0.2 22\ninterface eth0 up\ninterface lo unknown\naddress eth0 10.0.0.2/24\n\
    disk 2048\nrsync yes\npackage ms-swift 4.6.0\npackage megatron-core 0.16.1\npackage torch 2.8.0\n\
    gpu 0, NVIDIA H100 80GB HBM3, GPU-1, 81559, 4, 0, 31, 69.93\ngpu 1, NVIDIA H100 80GB HBM3, GPU-2, 81559, 4, 0, 30, 70.1\nend\npreflight\n\
    var NCCL_DEBUG INFO\nshm 67108864 67000000\nram 900000000\nspace 4000000000\ninodes 9000000\nwork writable\ncache ok\nlocks 0\n\
    print model aa bb cc dd 4000\nprint mcore ee ff gg hh 4100\ndata 120 whole abc\nib mlx5_0 4: ACTIVE\nport 1F90\nreach refused\nended 1700000000.750\nend\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_and_a_torn_one_is_none() {
        let seen = parse(ANSWER).expect("whole");
        assert_eq!(seen.probe.version_of("torch"), Some("2.8.0"));
        assert_eq!(seen.clock, Some((1_700_000_000.25, 1_700_000_000.75)));
        assert_eq!(seen.shm, Some((64 << 30, 67_000_000 * 1024)));
        assert_eq!(seen.model.as_ref().map(|print| print.bytes), Some(4000));
        assert_eq!(seen.dataset, Some((120, true, "abc".to_owned())));
        assert_eq!(seen.listening, [8080]);
        assert_eq!(seen.reach.as_deref(), Some("refused"));
        assert_eq!(
            seen.variables,
            [("NCCL_DEBUG".to_owned(), "INFO".to_owned())]
        );
        for end in 0..ANSWER.len() {
            assert!(parse(&ANSWER[..end]).is_err(), "{end}");
        }
    }
}
