//! Translating paths between a node and the environment in which its work runs.

use thiserror::Error;

use super::Mount;

/// A path that no mounted folder holds. It exists on one side only, so nothing can be done with it from the other.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0} lies in no folder that is mounted into the environment")]
pub struct Unmapped(pub String);

/// Where `inside`, an absolute path in the environment, lies on the node. The deepest mount wins, as in the kernel.
pub fn to_host(mounts: &[Mount], inside: &str) -> Result<String, Unmapped> {
    translate(
        mounts.iter().map(|mount| (&*mount.inside, &*mount.host)),
        inside,
    )
}

/// Where `host`, an absolute path on the node, appears in the environment.
pub fn to_inside(mounts: &[Mount], host: &str) -> Result<String, Unmapped> {
    translate(
        mounts.iter().map(|mount| (&*mount.host, &*mount.inside)),
        host,
    )
}

fn translate<'a>(
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
    path: &str,
) -> Result<String, Unmapped> {
    // `..` could climb out of the mounted folder after the translation.
    let climbs = path.split('/').any(|part| part == "..");
    pairs
        .filter_map(|(from, to)| {
            let rest = path.strip_prefix(from)?;
            (rest.is_empty() || rest.starts_with('/')).then_some((from.len(), to, rest))
        })
        .max_by_key(|(depth, ..)| *depth)
        .filter(|_| !climbs)
        .map(|(_, to, rest)| format!("{to}{rest}"))
        .ok_or_else(|| Unmapped(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounts() -> Vec<Mount> {
        [("/data", "/mnt/data"), ("/fast/cache", "/mnt/data/cache")]
            .map(|(host, inside)| Mount {
                host: host.to_owned(),
                inside: inside.to_owned(),
            })
            .into()
    }

    #[test]
    fn the_deepest_mount_wins_both_ways() {
        for (host, inside) in [
            ("/data", "/mnt/data"),
            ("/data/a b/c", "/mnt/data/a b/c"),
            ("/fast/cache/x", "/mnt/data/cache/x"),
        ] {
            assert_eq!(to_host(&mounts(), inside).as_deref(), Ok(host));
            assert_eq!(to_inside(&mounts(), host).as_deref(), Ok(inside));
        }
    }

    #[test]
    fn a_path_outside_is_refused_by_name() {
        for path in [
            "/mnt/database",
            "/home/ada",
            "/mnt/data/../../etc/shadow",
            "",
        ] {
            assert_eq!(to_host(&mounts(), path), Err(Unmapped(path.to_owned())));
        }
    }
}
