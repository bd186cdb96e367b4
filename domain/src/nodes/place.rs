//! The same thing on several nodes of a cluster.

use super::Node;

/// Where `path`, given as it is on `from`, lies on `to`.
///
/// What lies in the work folder lies at the same place in each node's own work folder, since nodes mount their big disks at
/// different points; any other path is the same on every node.
pub fn path_on(from: &Node, to: &Node, path: &str) -> String {
    match below(&from.work_folder, path) {
        Some(rest) => format!("{}{rest}", to.work_folder),
        None => path.to_owned(),
    }
}

/// What follows `folder` in `path`, with its slash; empty for the folder itself.
fn below<'a>(folder: &str, path: &'a str) -> Option<&'a str> {
    let rest = path.strip_prefix(folder)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::super::{Address, Environment};
    use super::*;
    use crate::time::Timestamp;

    fn node(work_folder: &str) -> Node {
        let id = |n: u8| format!("00000000-0000-7000-8000-0000000000{n:02}");
        Node {
            id: id(1).parse().expect("an id"),
            project_id: id(2).parse().expect("an id"),
            cluster_id: id(3).parse().expect("an id"),
            rank: 0,
            name: "node".to_owned(),
            address: Address {
                host: "10.0.0.2".to_owned(),
                port: 22,
                user: "root".to_owned(),
            },
            key: id(4).parse().expect("an id"),
            host_key: String::new(),
            environment: Environment::Direct,
            work_folder: work_folder.to_owned(),
            mounts: Vec::new(),
            is_rehearsal: false,
            created_at: Timestamp(0),
        }
    }

    #[test]
    fn what_lies_in_the_work_folder_follows_it_and_the_rest_stays() {
        let (one, other) = (node("/data1/yard"), node("/mnt/nvme"));
        assert_eq!(
            path_on(&one, &other, "/data1/yard/models/x"),
            "/mnt/nvme/models/x"
        );
        assert_eq!(path_on(&one, &other, "/data1/yard"), "/mnt/nvme");
        assert_eq!(path_on(&one, &other, "/data1/yard-2/x"), "/data1/yard-2/x");
        assert_eq!(path_on(&one, &other, "/models/x"), "/models/x");
    }
}
