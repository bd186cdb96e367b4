//! Will the ranks find one another?

use super::{Making, Situation};
use crate::experiments::preflight::{Mark, Row, Seen};
use crate::language::Text;

pub fn rows(s: &Situation<'_>) -> Vec<Row> {
    let mut rows = vec![port(s)];
    if s.sights.len() > 1 {
        rows.extend([reach(s), interface(s), variables(s), infiniband(s)]);
    }
    rows
}

fn port(s: &Situation<'_>) -> Row {
    let mut row = Making::new(s, "port", "MASTER_PORT", "MASTER_PORT").each(|at, _, seen| {
        // Only the main node listens.
        let is_taken = at == 0 && seen.listening.contains(&s.port);
        match (at, is_taken) {
            (0, false) => (Mark::Ok, s.port.to_string()),
            (0, true) => (Mark::Stops, format!("{} in use", s.port)),
            _ => (Mark::Ok, "–".to_owned()),
        }
    });
    if row
        .row
        .cells
        .first()
        .is_some_and(|cell| cell.mark == Mark::Stops)
    {
        let evidence = row.evidence();
        row.problem(
            Mark::Stops,
            Text::new(
                format!("Port {} of the main node is in use by now. Launch again: another free one is chosen.", s.port),
                format!("主节点的端口 {} 已被占用。请再次启动，将自动选择其他空闲端口。", s.port),
            ),
            evidence,
            None,
        );
    }
    row.done()
}

/// A connection that is refused has arrived; one that times out has not.
fn reach(s: &Situation<'_>) -> Row {
    let mut row =
        Making::new(s, "reach", "Reaches the main node", "可达主节点").each(|at, _, seen| {
            match (at, seen.reach.as_deref()) {
                (0, _) => (Mark::Ok, "–".to_owned()),
                (_, Some("refused" | "open")) => (Mark::Ok, "✓".to_owned()),
                (_, None | Some("unknown")) => (Mark::Unknown, "–".to_owned()),
                (_, Some(other)) => (Mark::Stops, other.to_owned()),
            }
        });
    row.blame(Mark::Stops, |cut_off| {
        Text::new(
            format!("{} cannot reach port {} of the main node. Open the firewall between the nodes, or correct the node's address.", cut_off, s.port),
            format!("{} 无法连接主节点的端口 {}。请放通节点间防火墙，或更正节点地址。", cut_off, s.port),
        )
    });
    row.done()
}

fn interface(s: &Situation<'_>) -> Row {
    let mut row = Making::new(s, "interface", "Interface", "网络接口").each(|_, sight, seen| {
        let is_there = seen.probe.interfaces.contains(&sight.interface);
        (
            if is_there { Mark::Ok } else { Mark::Stops },
            sight.interface.clone(),
        )
    });
    row.blame(Mark::Stops, |missing| {
        Text::new(
            format!("{missing} has no such interface, or it is down. NCCL would say \"no socket interface found\"."),
            format!("{missing} 上没有该接口或未启用，NCCL 会报 no socket interface found。"),
        )
    });
    row.done()
}

/// What the launch does not set itself comes from each node's login, and there it must be the same.
fn variables(s: &Situation<'_>) -> Row {
    let own = |seen: &Seen| {
        let set: Vec<String> = seen
            .variables
            .iter()
            .filter(|(name, _)| name.starts_with("NCCL_") || name.starts_with("GLOO_"))
            .filter(|(name, _)| {
                !s.variables.iter().any(|(set, _)| set == name) && !name.ends_with("SOCKET_IFNAME")
            })
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if set.is_empty() {
            "–".to_owned()
        } else {
            set.join(" ")
        }
    };
    let mut row = Making::new(s, "nccl", "NCCL variables", "NCCL 变量")
        .each(|_, _, seen| (Mark::Ok, own(seen)));
    if row.must_agree(Mark::Warning) {
        let evidence = row.evidence();
        row.problem(
            Mark::Warning,
            Text::new(
                "The logins of the nodes set different NCCL variables. Set the same everywhere: one node that goes another way hangs all.",
                "各节点登录环境中的 NCCL 变量不同。请统一设置，否则会卡住。",
            ),
            evidence,
            None,
        );
    }
    row.done()
}

fn infiniband(s: &Situation<'_>) -> Row {
    let has = |seen: &Seen| {
        seen.infiniband
            .iter()
            .filter(|device| device.contains("ACTIVE"))
            .count()
    };
    let mut row =
        Making::new(s, "ib", "InfiniBand", "InfiniBand").each(|_, _, seen| match has(seen) {
            0 => (Mark::Ok, "–".to_owned()),
            count => (Mark::Ok, format!("{count} active")),
        });
    let counts: Vec<usize> = s
        .sights
        .iter()
        .filter_map(|sight| sight.answer.as_ref().ok())
        .map(has)
        .collect();
    let is_mixed = counts.contains(&0) && counts.iter().any(|count| *count > 0);
    let is_off = |seen: &Seen| {
        seen.variables
            .iter()
            .any(|(name, value)| name == "NCCL_IB_DISABLE" && value == "1")
    };
    let all_off = s
        .sights
        .iter()
        .filter_map(|sight| sight.answer.as_ref().ok())
        .all(is_off)
        || s.variables
            .iter()
            .any(|(name, value)| name == "NCCL_IB_DISABLE" && value == "1");
    if is_mixed && !all_off {
        for cell in &mut row.row.cells {
            cell.mark = Mark::Stops;
        }
        let evidence = row.evidence();
        row.problem(
            Mark::Stops,
            Text::new(
                "Some nodes have InfiniBand and some have not: NCCL then waits for ever. Set NCCL_IB_DISABLE=1 and NCCL_IBEXT_DISABLE=1 on all of them.",
                "部分节点有 InfiniBand，部分没有，NCCL 会一直等待。请在所有节点设置 NCCL_IB_DISABLE=1 与 NCCL_IBEXT_DISABLE=1。",
            ),
            evidence,
            None,
        );
    }
    row.done()
}
